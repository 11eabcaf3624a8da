import type { Child } from '../../support/child-process.js';
import type { Scenario } from '../../e2e/support/scenario.js';
import { waitFor } from '../../support/wait-for.js';

const WATCH_MS = 100;
/** Twice `shutdownTimeout` of a storm, four times over. */
const STOP_DEADLINE_MS = 40_000;
const STARTED_MS = 60_000;

/**
 * The processes of the service. Each may end only when and as it was told to: killed, or stopped with exit code 0;
 * what else it does is a fault.
 */
export class Replicas implements AsyncDisposable {
  readonly faults: string[] = [];
  /** The largest resident memory of any of them so far. */
  peakRssBytes = 0;
  started = 0;
  private readonly all = new Set<Child>();
  private readonly toldToEnd = new Set<Child>();
  private readonly watch = setInterval(() => this.look(), WATCH_MS);
  private current: Child;

  constructor(
    private readonly scenario: Scenario,
    private readonly env: Readonly<Record<string, string>>,
  ) {
    this.current = this.start();
  }

  /** SIGKILL, and another one in its place. */
  async killAndStart(): Promise<void> {
    await this.kill(this.current);
    this.current = this.start();
  }

  /** SIGTERM, and another one in its place. */
  async stopAndStart(): Promise<void> {
    await this.stop(this.current);
    this.current = this.start();
  }

  /** A second one joins, waits as long as `beside` lasts, and is left alone: the first is killed or stopped. */
  async handOver(beside: () => Promise<void>, how: 'kill' | 'stop'): Promise<void> {
    const first = this.current;
    const second = this.start();
    await waitFor(() => second.stdout.length > 0 || !second.running, { what: 'a start', deadlineMs: STARTED_MS });
    await beside();
    this.current = second;
    await (how === 'kill' ? this.kill(first) : this.stop(first));
  }

  async freeze(duration: () => Promise<void>): Promise<void> {
    const { current } = this;
    current.signal('SIGSTOP');
    try {
      await duration();
    } finally {
      current.signal('SIGCONT');
    }
  }

  /** Ends the last one in order. */
  async stopAll(): Promise<void> {
    await this.stop(this.current);
  }

  lastOutput(): string {
    return this.current.lastOutput();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.watch);
    for (const child of this.all) this.toldToEnd.add(child);
    await Promise.all([...this.all].map((child) => child[Symbol.asyncDispose]()));
  }

  private start(): Child {
    const child = this.scenario.startListener(this.env);
    this.started += 1;
    this.all.add(child);
    void this.attend(child);
    return child;
  }

  private async attend(child: Child): Promise<void> {
    const exit = await child.exited.catch((error: unknown) => error);
    this.all.delete(child);
    if (this.toldToEnd.has(child)) return;
    this.faults.push(`ended by itself: ${JSON.stringify(exit)}${child.lastOutput()}`);
  }

  private async kill(child: Child): Promise<void> {
    this.look();
    this.toldToEnd.add(child);
    await child.kill();
  }

  private async stop(child: Child): Promise<void> {
    this.look();
    // Before it is set up it dies of the signal, as any program does.
    await waitFor(() => child.stdout.length > 0 || !child.running, { what: 'a start', deadlineMs: STARTED_MS });
    this.toldToEnd.add(child);
    const { code, signal } = await child.terminate(STOP_DEADLINE_MS);
    if (code !== 0) {
      this.faults.push(`SIGTERM ended it with ${JSON.stringify({ code, signal })}${child.lastOutput()}`);
    }
  }

  private look(): void {
    for (const child of this.all) this.peakRssBytes = Math.max(this.peakRssBytes, child.peakRssBytes() ?? 0);
  }
}
