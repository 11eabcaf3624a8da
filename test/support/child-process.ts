import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { dieWithParent } from '../../apps/wal-listener/src/demo/die-with-parent.js';
import { waitFor } from './wait-for.js';

export interface StartChildOptions {
  readonly args?: readonly string[];
  /** The whole environment of the child, but for PATH and HOME, which it inherits. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Sees every line of stdout at once; the lines are kept too unless `keepStdout` is false. */
  readonly onLine?: (line: string) => void;
  /** False for a run whose output is too large to keep. */
  readonly keepStdout?: boolean;
  /** Leads a process group of its own, so that a signal to our group does not reach it. */
  readonly detached?: boolean;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const EXIT_DEADLINE_MS = 10_000;

/** A program started for a test; killed when disposed of. */
export class Child implements AsyncDisposable {
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  /** Resolves when the program has ended and its output was read to the end. */
  readonly exited: Promise<ChildExit>;
  private exit: ChildExit | undefined;

  private constructor(
    private readonly child: ChildProcess,
    private readonly name: string,
    options: StartChildOptions,
  ) {
    const { onLine, keepStdout = true } = options;
    readLines(child.stdout, (line) => {
      if (keepStdout) this.stdout.push(line);
      onLine?.(line);
    });
    readLines(child.stderr, (line) => this.stderr.push(line));
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
    // Whoever waits sees it; a test that does not must not end with an unhandled rejection.
    this.exited.catch(() => undefined);
  }

  static start(program: string, options: StartChildOptions = {}): Child {
    const { args = [], env = {}, cwd, detached = false } = options;
    const inherited = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
    const command = dieWithParent('KILL', program, args);
    const child = spawn(command.program, command.args, {
      env: { ...inherited, ...env },
      detached,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
    });
    return new Child(child, [program, ...args].join(' '), options);
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.name} could not be started`);
    return this.child.pid;
  }

  get running(): boolean {
    return this.exit === undefined;
  }

  /** Sends a signal; false when the program has ended already. */
  signal(signal: NodeJS.Signals): boolean {
    return this.running && this.child.kill(signal);
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<ChildExit> {
    this.signal('SIGKILL');
    return this.exited;
  }

  /** Waits for the end; throws with what the program wrote last when it does not come in time. */
  async waitForExit(deadlineMs = EXIT_DEADLINE_MS): Promise<ChildExit> {
    return waitFor(() => this.exit, { deadlineMs, what: () => `the end of ${this.name}${this.lastOutput()}` });
  }

  /** SIGTERM, and waits for the end. */
  async terminate(deadlineMs = 30_000): Promise<ChildExit> {
    this.signal('SIGTERM');
    return this.waitForExit(deadlineMs);
  }

  /** Waits for a line of stdout or stderr that holds `text`; throws at once when the program ends without it. */
  async waitForLine(text: string | RegExp, deadlineMs = 20_000): Promise<string> {
    const matches = (line: string) => (typeof text === 'string' ? line.includes(text) : text.test(line));
    const find = () => this.stdout.find(matches) ?? this.stderr.find(matches);
    const found = await waitFor(() => find() ?? (this.running ? undefined : { ended: true }), {
      deadlineMs,
      what: () => `a line with ${String(text)} of ${this.name}${this.lastOutput()}`,
    });
    const line = typeof found === 'string' ? found : find();
    if (line === undefined)
      throw new Error(`${this.name} ended without a line with ${String(text)}${this.lastOutput()}`);
    return line;
  }

  /** The largest resident memory so far in bytes (VmHWM); undefined once the program has ended. */
  peakRssBytes(): number | undefined {
    return this.procStatusBytes('VmHWM');
  }

  /** Resident memory now in bytes (VmRSS); undefined once the program has ended. */
  rssBytes(): number | undefined {
    return this.procStatusBytes('VmRSS');
  }

  lastOutput(): string {
    const exit = this.exit === undefined ? '' : `\nexit: ${JSON.stringify(this.exit)}`;
    return `${exit}\nstderr:\n${this.stderr.slice(-20).join('\n')}\nstdout:\n${this.stdout.slice(-20).join('\n')}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill().catch(() => undefined);
  }

  private procStatusBytes(field: string): number | undefined {
    try {
      const status = readFileSync(`/proc/${String(this.pid)}/status`, 'utf8');
      const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
      return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
    } catch {
      return undefined;
    }
  }
}

/** Lines end in a line feed and nothing else: node:readline would also break them at U+2028, which JSON leaves as it is. */
function readLines(stream: Readable | null, onLine: (line: string) => void): void {
  let pending: string[] = [];
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    const [first = '', ...rest] = chunk.split('\n');
    pending.push(first);
    for (const next of rest) {
      onLine(withoutReturn(pending.join('')));
      pending = [next];
    }
  });
  stream?.on('end', () => {
    const last = pending.join('');
    if (last !== '') onLine(withoutReturn(last));
  });
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
