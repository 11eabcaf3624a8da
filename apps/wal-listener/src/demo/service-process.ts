import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { sleep } from '#lib/kernel';
import { dieWithParent } from './die-with-parent.js';
import { isAlive, killTree } from './process-tree.js';

export interface ServiceOptions {
  readonly env: Readonly<Record<string, string>>;
  /** A folder without config.yml and .env. */
  readonly cwd: string;
  onEvent(line: string): void;
  onLog(line: string): void;
}

const ENTRY = fileURLToPath(new URL('../main.js', import.meta.url));
const KEPT_LOG_LINES = 30;

/** This very program as a service: a process of its own, configured by variables as in production. */
export class ServiceProcess implements AsyncDisposable {
  /** The last lines it logged. */
  readonly log: string[] = [];
  private ended: string | undefined;
  private readonly destroy = () => killTree(this.pid);

  private constructor(private readonly child: ChildProcess) {
    child.once('error', (error) => (this.ended = error.message));
    child.once('close', (code, signal) => (this.ended = signal ?? `exit code ${String(code)}`));
    process.prependListener('exit', this.destroy);
  }

  static start(options: ServiceOptions): ServiceProcess {
    const command = dieWithParent('KILL', process.execPath, [ENTRY]);
    const child = spawn(command.program, command.args, {
      cwd: options.cwd,
      env: { PATH: process.env['PATH'], HOME: options.cwd, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C is ours to handle: the service is stopped first, then the server.
      detached: true,
    });
    const service = new ServiceProcess(child);
    createInterface({ input: child.stdout }).on('line', (line) => options.onEvent(line));
    createInterface({ input: child.stderr }).on('line', (line) => {
      service.log.push(line);
      if (service.log.length > KEPT_LOG_LINES) service.log.shift();
      options.onLog(line);
    });
    return service;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** How the process ended; undefined while it runs. */
  get end(): string | undefined {
    return this.ended;
  }

  /** SIGTERM, then SIGKILL when that takes longer than `deadlineMs`. Gives how it ended. */
  async stop(deadlineMs = 10_000): Promise<string> {
    this.child.kill('SIGTERM');
    const deadline = performance.now() + deadlineMs;
    while (this.ended === undefined) {
      if (performance.now() > deadline && isAlive(this.pid)) killTree(this.pid);
      await sleep(10);
    }
    process.off('exit', this.destroy);
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
