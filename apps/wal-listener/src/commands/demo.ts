import type pg from 'pg';
import { AppError, sleep } from '#lib/kernel';
import { embeddedPostgresBinaries } from '../demo/embedded-postgres.js';
import { EventPrinter, number } from '../demo/event-printer.js';
import { parseEvent } from '../demo/event-format.js';
import { freePort } from '../demo/free-port.js';
import { readFigures, statusLine } from '../demo/live-figures.js';
import { PostgresServer } from '../demo/postgres-server.js';
import { type Output, Screen } from '../demo/screen.js';
import { serverAccount } from '../demo/server-account.js';
import { ServiceProcess } from '../demo/service-process.js';
import { SHOP_SCHEMA, shopSteps, type Step } from '../demo/shop.js';
import { Tally } from '../demo/tally.js';

export interface DemoOptions {
  /** One round, then the end; else rounds until Ctrl-C. */
  readonly once: boolean;
  readonly output?: Output;
}

const SLOT = 'wal_listener_demo';
const READY_DEADLINE_MS = 30_000;
const ARRIVAL_DEADLINE_MS = 60_000;
const BETWEEN_STEPS_MS = 1_000;
const STATUS_INTERVAL_MS = 500;
/** The events per second are those of the last few seconds. */
const RATE_SAMPLES = 6;
const EXIT_INTERRUPTED = 130;

/**
 * Starts a throw-away PostgreSQL 18 and this service beside it, changes rows and prints the events that come out.
 * Everything it started is stopped and removed in the end, whatever the end is: all done, an error, one Ctrl-C, or a
 * second one.
 * @returns the exit code: 0 when every change arrived or the user stopped it, 1 when not, 130 for an interrupted `once`
 * @throws AppError USAGE when the package with PostgreSQL is not installed
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const stop = new AbortController();
  const interrupt = () => {
    // The second time nothing is waited for; the exit handlers kill and remove what is left.
    if (stop.signal.aborted) process.exit(EXIT_INTERRUPTED);
    stop.abort();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  const screen = new Screen(options.output ?? process.stdout);
  try {
    return await demonstrate(screen, options.once, stop.signal);
  } finally {
    screen.end();
    for (const signal of signals) process.off(signal, interrupt);
  }
}

async function demonstrate(screen: Screen, once: boolean, stop: AbortSignal): Promise<number> {
  const account = serverAccount();
  screen.line('Starting PostgreSQL 18 in a temporary folder …');
  await using server = await PostgresServer.start({
    binaries: await embeddedPostgresBinaries(account),
    account,
    detached: true,
  });
  if (stop.aborted) return interruptedCode(once);
  await server.query(SHOP_SCHEMA);
  const metricsPort = await freePort();
  const tally = new Tally();
  const printer = new EventPrinter(screen);
  await using service = ServiceProcess.start({
    env: serviceVariables(server, metricsPort),
    cwd: server.folder,
    onEvent(line) {
      // What arrives while everything is being stopped would only muddle the last lines.
      if (stop.aborted) return;
      const event = parseEvent(line);
      tally.receive(event);
      printer.print(event);
    },
    onLog(line) {
      if (/"level":"(?:error|fatal)"/.test(line)) screen.line(screen.paint('red', line));
    },
  });
  const client = await server.client();
  try {
    const demo = new Demo(screen, client, service, tally, printer, stop);
    await demo.untilStreaming();
    if (stop.aborted) return interruptedCode(once);
    screen.line(`PostgreSQL listens on port ${String(server.port)}, wal-listener streams from slot ${SLOT}.`);
    const metricsUrl = `http://127.0.0.1:${String(metricsPort)}/metrics`;
    await using _status = showStatus(screen, client, service, tally, metricsUrl);
    return await demo.play(once);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function serviceVariables(server: PostgresServer, metricsPort: number): Record<string, string> {
  return {
    WAL_DATABASE_HOST: server.host,
    WAL_DATABASE_PORT: String(server.port),
    WAL_DATABASE_NAME: server.database,
    WAL_DATABASE_USER: server.user,
    WAL_DATABASE_PASSWORD: server.password,
    WAL_LISTENER_SLOT_NAME: SLOT,
    WAL_PUBLISHER_TYPE: 'stdout',
    WAL_MONITORING_PROM_ADDR: `127.0.0.1:${String(metricsPort)}`,
  };
}

class Demo {
  constructor(
    private readonly screen: Screen,
    private readonly client: pg.Client,
    private readonly service: ServiceProcess,
    private readonly tally: Tally,
    private readonly printer: EventPrinter,
    private readonly stop: AbortSignal,
  ) {}

  async untilStreaming(): Promise<void> {
    const sql = 'SELECT active FROM pg_replication_slots WHERE slot_name = $1';
    await this.waitUntil('the slot to be streamed from', READY_DEADLINE_MS, async () => {
      const { rows } = await this.client.query<{ active: boolean }>(sql, [SLOT]);
      return rows[0]?.active === true;
    });
  }

  /** Makes the changes, round after round, and gives the exit code. */
  async play(once: boolean): Promise<number> {
    const startedMs = performance.now();
    for (let round = 0; !this.stop.aborted; round += 1) {
      for (const step of shopSteps(round)) {
        await this.playStep(step);
        if (!once) await sleep(BETWEEN_STEPS_MS, this.stop);
        if (this.stop.aborted) break;
      }
      if (once) break;
    }
    return this.summarise(startedMs, once);
  }

  private async playStep(step: Step): Promise<void> {
    this.screen.line();
    this.screen.line(this.screen.paint('bold', step.title));
    this.tally.expect(step.expected);
    await this.client.query(step.sql);
    await this.waitUntil('the events', ARRIVAL_DEADLINE_MS, () => this.tally.complete);
    this.printer.finishTransaction();
  }

  private summarise(startedMs: number, once: boolean): number {
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    const events = `${number(this.tally.events)} events in ${seconds} s`;
    this.screen.end();
    this.screen.line();
    if (this.stop.aborted) {
      this.screen.line(`Stopped: ${events}.`);
      return interruptedCode(once);
    }
    const faults = this.tally.faults();
    for (const fault of faults) this.screen.line(this.screen.paint('red', fault));
    if (faults.length > 0) return 1;
    this.screen.line(`${events}: every change arrived, once and in commit order.`);
    return 0;
  }

  /** Waits until the condition holds or the user stops; fails when the service ends or it takes too long. */
  private async waitUntil(what: string, deadlineMs: number, condition: () => boolean | Promise<boolean>) {
    const deadline = performance.now() + deadlineMs;
    while (!this.stop.aborted && !(await condition())) {
      const { end, log } = this.service;
      const late = performance.now() > deadline;
      if (end !== undefined || late) {
        const why =
          end === undefined ? `waited ${String(deadlineMs / 1000)} s for ${what}` : `the service ended: ${end}`;
        throw new AppError('INTERNAL', `The demonstration failed: ${why}\n${log.join('\n')}`);
      }
      await sleep(5);
    }
  }
}

/** Stopping a demonstration without end is its regular end; one with an end was cut short. */
function interruptedCode(once: boolean): number {
  return once ? EXIT_INTERRUPTED : 0;
}

/** Keeps the live line up to date until it is disposed of. */
function showStatus(
  screen: Screen,
  client: pg.Client,
  service: ServiceProcess,
  tally: Tally,
  metricsUrl: string,
): AsyncDisposable {
  if (!screen.live) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const ended = new AbortController();
  const loop = async () => {
    const samples = [{ events: tally.events, atMs: performance.now() }];
    while (!ended.signal.aborted) {
      await sleep(STATUS_INTERVAL_MS, ended.signal);
      const now = { events: tally.events, atMs: performance.now() };
      const figures = await readFigures(client, SLOT, metricsUrl, service.pid);
      const [oldest = now] = samples;
      const rate = ((now.events - oldest.events) * 1000) / (now.atMs - oldest.atMs);
      if (!ended.signal.aborted) screen.setStatus(statusLine(rate, tally.events, figures));
      if (samples.push(now) > RATE_SAMPLES) samples.shift();
    }
  };
  const running = loop().catch(() => undefined);
  return {
    async [Symbol.asyncDispose]() {
      ended.abort();
      await running;
    },
  };
}
