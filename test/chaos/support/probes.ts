import { freePort } from '../../support/free-port.js';
import { waitFor } from '../../support/wait-for.js';

/** The sides are asked every second, and told within one more; told of within a minute whatever else the machine does. */
const TOLD_MS = 60_000;

type Parts = Readonly<Record<string, { readonly status: string; readonly detail?: string }>>;

/** What an orchestrator and Prometheus see of one running program. */
export class Probes {
  private constructor(
    private readonly port: number,
    private readonly metricsPort: number,
  ) {}

  static async create(): Promise<Probes> {
    return new Probes(await freePort(), await freePort());
  }

  /** The variables of the program that is looked at. */
  get env(): Readonly<Record<string, string>> {
    return {
      WAL_LISTENER_REFRESH_CONNECTION: '1s',
      WAL_LISTENER_SERVER_PORT: String(this.port),
      WAL_MONITORING_PROM_ADDR: `127.0.0.1:${String(this.metricsPort)}`,
    };
  }

  async ready(): Promise<boolean> {
    return (await fetch(`http://127.0.0.1:${String(this.port)}/ready`)).status === 200;
  }

  async healthy(): Promise<boolean> {
    return (await fetch(`http://127.0.0.1:${String(this.port)}/healthz`)).status === 200;
  }

  /** The parts that /ready holds to be down. */
  async down(): Promise<string[]> {
    const headers = { accept: 'application/json' };
    const response = await fetch(`http://127.0.0.1:${String(this.port)}/ready`, { headers });
    const { details } = (await response.json()) as { readonly details: Parts };
    return Object.keys(details).filter((part) => details[part]?.status !== 'up');
  }

  async becomesReady(): Promise<void> {
    await waitFor(() => this.ready(), { what: 'readiness', deadlineMs: TOLD_MS });
  }

  /** Waits until /ready says that this part is down; the process itself is well all the while. */
  async tellsDown(part: string): Promise<void> {
    const told = async () => (await this.healthy()) && (await this.down()).includes(part);
    await waitFor(told, { what: `${part} to be told as down`, deadlineMs: TOLD_MS });
  }

  /** The value of a series; undefined when there is none. */
  async metric(series: string): Promise<number | undefined> {
    const text = await (await fetch(`http://127.0.0.1:${String(this.metricsPort)}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  /** Waits until a series has such a value. */
  async metricBecomes(series: string, isWanted: (value: number) => boolean): Promise<void> {
    let last: number | undefined;
    const reached = async () => {
      last = await this.metric(series);
      return last !== undefined && isWanted(last);
    };
    await waitFor(reached, { what: () => `${series}, which is ${String(last)}`, deadlineMs: TOLD_MS });
  }
}
