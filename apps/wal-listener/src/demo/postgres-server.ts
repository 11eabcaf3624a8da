import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { sleep } from '#lib/kernel';
import { dieWithParent } from './die-with-parent.js';
import { removeAtExit } from './exit-cleanup.js';
import { freePort } from './free-port.js';
import { type PostgresBinaries, temporaryRoot } from './embedded-postgres.js';
import { isAlive, killTree, pauseThread, sendSignal, signalTree } from './process-tree.js';
import type { ServerAccount } from './server-account.js';

/** How PostgreSQL is asked to stop: wait for sessions, end them, or stop without a checkpoint. */
export type StopMode = 'smart' | 'fast' | 'immediate';

export interface PostgresServerOptions {
  readonly binaries: PostgresBinaries;
  readonly account: ServerAccount | undefined;
  /** Settings as in postgresql.conf, on top of the defaults for logical replication. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A free one by default. */
  readonly port?: number;
  /** A loopback address, 127.0.0.1 by default: servers on several may share a port. */
  readonly host?: string;
  /** Keeps the terminal's Ctrl-C away from the server, for a program that stops it in order. */
  readonly detached?: boolean;
}

const STOP_SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 60_000;
const DESTROY_DEADLINE_MS = 5_000;

const DEFAULT_HOST = '127.0.0.1';

const DEFAULT_SETTINGS: Readonly<Record<string, string>> = {
  // A socket folder of the system's may not be writable for this account.
  unix_socket_directories: '',
  wal_level: 'logical',
  max_replication_slots: '20',
  max_wal_senders: '20',
  // The data is thrown away; a killed process loses nothing by it, only a crashed machine would.
  fsync: 'off',
  lc_messages: 'C',
  // In the data folder, so that a killed server leaves nothing in /dev/shm.
  dynamic_shared_memory_type: 'mmap',
};

const liveServers = new Set<PostgresServer>();
// Before the folders are removed: exit handlers run in the order they were added in.
process.prependListener('exit', () => {
  for (const server of liveServers) server.destroy();
});

/** A private PostgreSQL server on a loopback address with its own data folder, gone without trace after `[Symbol.asyncDispose]`. */
export class PostgresServer implements AsyncDisposable {
  readonly host: string;
  readonly user = 'postgres';
  readonly password = 'postgres';
  readonly database = 'postgres';
  readonly dataDir: string;
  private readonly logPath: string;
  private readonly keepFolder: () => void;
  private process: ChildProcess | undefined;

  private constructor(
    readonly folder: string,
    private readonly options: PostgresServerOptions,
    readonly port: number,
    private readonly settings: Record<string, string>,
  ) {
    this.host = options.host ?? DEFAULT_HOST;
    this.dataDir = join(folder, 'data');
    this.keepFolder = removeAtExit(folder);
    liveServers.add(this);
    this.logPath = join(folder, 'server.log');
  }

  /** Creates a cluster (superuser postgres/postgres, scram) and starts it. Throws with the server's log when it fails. */
  static async start(options: PostgresServerOptions): Promise<PostgresServer> {
    const { account } = options;
    const folder = await mkdtemp(join(temporaryRoot(account), 'wal-listener-pg-'));
    const port = options.port ?? (await freePort());
    const server = new PostgresServer(folder, options, port, { ...DEFAULT_SETTINGS, ...options.settings });
    try {
      if (account !== undefined) await chown(folder, account.uid, account.gid);
      await server.createCluster();
      await server.launch();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return `postgres://${this.user}:${this.password}@${this.host}:${String(this.port)}/${this.database}`;
  }

  /** The postmaster's process id; throws while the server is down. */
  get pid(): number {
    const pid = this.process?.pid;
    if (pid === undefined) throw new Error('PostgreSQL is not running');
    return pid;
  }

  get running(): boolean {
    return this.process !== undefined;
  }

  /** A connected client; the caller ends it. Errors of an idle connection (the server was stopped) are swallowed. */
  async client(config: pg.ClientConfig = {}): Promise<pg.Client> {
    const { host, port, user, password, database } = this;
    const client = new pg.Client({ host, port, user, password, database, ...config });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** Runs statements on a connection of its own and gives the last one's rows. */
  async query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]> {
    const client = await this.client();
    try {
      const result = await client.query<Row>(sql, values);
      // Several statements in one string give an array of results, which the typings do not tell.
      const last = Array.isArray(result) ? (result as pg.QueryResult<Row>[]).at(-1) : result;
      return last?.rows ?? [];
    } finally {
      await client.end();
    }
  }

  /** Starts the server again on the same port and data, with `settings` on top of the earlier ones. */
  async startAgain(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    Object.assign(this.settings, settings);
    await this.launch();
  }

  /** Stops the server and waits until it is gone; throws when that takes longer than `deadlineMs`. */
  async stop(mode: StopMode = 'fast', deadlineMs = STOP_DEADLINE_MS): Promise<void> {
    const running = this.process;
    if (running === undefined) return;
    sendSignal(this.pid, STOP_SIGNALS[mode]);
    await this.waitForExit(running, deadlineMs, `stop -m ${mode}`);
  }

  async restart(mode: StopMode, settings: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.stop(mode);
    await this.startAgain(settings);
  }

  /** SIGKILL to the postmaster and all its processes, as when the machine's memory killer strikes. */
  async kill(): Promise<void> {
    const running = this.process;
    if (running === undefined) return;
    killTree(this.pid);
    await this.waitForExit(running, STOP_DEADLINE_MS, 'kill');
  }

  /** Freezes every process of the server: connections stay open and silent. */
  pause(): void {
    signalTree(this.pid, 'SIGSTOP');
  }

  resume(): void {
    signalTree(this.pid, 'SIGCONT');
  }

  /** The server's log. */
  log(): string {
    return existsSync(this.logPath) ? readFileSync(this.logPath, 'utf8') : '';
  }

  /** Ends the server without giving the event loop a turn: for the end of the process, which removes the data too. */
  destroy(): void {
    const pid = this.process?.pid;
    this.process = undefined;
    if (pid !== undefined) {
      sendSignal(pid, 'SIGQUIT');
      for (let waited = 0; isAlive(pid) && waited < DESTROY_DEADLINE_MS; waited += 10) pauseThread(10);
      if (isAlive(pid)) killTree(pid);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.resume();
    // Not SIGKILL at once: the server would leave its shared memory segment behind.
    await this.stop('immediate', 15_000).catch(() => this.kill());
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
    const { copy } = this.options.binaries;
    if (copy !== undefined) await rm(copy, { recursive: true, force: true, maxRetries: 5 });
    this.forget();
  }

  private forget(): void {
    this.keepFolder();
    liveServers.delete(this);
  }

  private async createCluster(): Promise<void> {
    const passwordFile = join(this.folder, 'password');
    await writeFile(passwordFile, `${this.password}\n`, { mode: 0o600 });
    const { account } = this.options;
    if (account !== undefined) await chown(passwordFile, account.uid, account.gid);
    const access = ['-U', this.user, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
    const flags = ['--no-sync', '--no-instructions', '--locale=C', '--encoding=UTF8'];
    const initdb = this.spawn('initdb', ['-D', this.dataDir, ...access, ...flags]);
    // For destroy(), which may come at any time.
    this.process = initdb;
    const code = await exitCode(initdb);
    this.process = undefined;
    if (code !== 0) throw new Error(`initdb failed (${code}):\n${this.log()}`);
  }

  private async launch(): Promise<void> {
    const before = this.log().length;
    const all = { listen_addresses: this.host, ...this.settings };
    const settings = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const server = this.spawn('postgres', ['-D', this.dataDir, '-p', String(this.port), ...settings]);
    this.process = server;
    let failure: Error | undefined;
    server.once('error', (error) => (failure = error));
    server.once('close', () => (this.process = this.process === server ? undefined : this.process));
    const deadline = performance.now() + START_DEADLINE_MS;
    // A standby accepts read-only ones.
    while (!/ready to accept (?:read-only )?connections/.test(this.log().slice(before))) {
      if (!this.running || performance.now() > deadline) {
        await this.kill();
        throw new Error(`PostgreSQL did not start on port ${String(this.port)}:\n${this.log().slice(before)}`, {
          cause: failure,
        });
      }
      await sleep(10);
    }
  }

  private spawn(program: string, args: readonly string[]): ChildProcess {
    const { binaries, account, detached = false } = this.options;
    const log = openSync(this.logPath, 'a');
    try {
      const command = dieWithParent('INT', join(binaries.binDir, program), args, account);
      // Of our environment nothing but PATH: PGDATA, PGPORT and their like would reach the server.
      const env = { PATH: process.env['PATH'], LC_ALL: 'C' };
      return spawn(command.program, command.args, {
        ...command.account,
        cwd: this.folder,
        env,
        detached,
        stdio: ['ignore', log, log],
      });
    } finally {
      closeSync(log);
    }
  }

  private async waitForExit(server: ChildProcess, deadlineMs: number, what: string): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while (this.process === server) {
      if (performance.now() > deadline) {
        throw new Error(`PostgreSQL: ${what} took longer than ${String(deadlineMs)} ms:\n${this.log().slice(-2000)}`);
      }
      await sleep(10);
    }
  }
}

async function exitCode(child: ChildProcess): Promise<string | number> {
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return code ?? signal ?? 'unknown';
}
