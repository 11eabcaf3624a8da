import { Agent, request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';

/** One question to the program. */
export interface ProbeAnswer {
  readonly path: string;
  readonly connection: 'kept' | 'fresh';
  readonly askedMs: number;
  /** Until the last byte of the answer. */
  readonly tookMs: number;
  /** undefined when there was no answer. */
  readonly status: number | undefined;
}

/** Where a path is asked for. */
export interface Probe {
  readonly path: string;
  readonly port: number;
}

/**
 * Asks for every path again and again, in turn over a connection that is kept and over a fresh one, whether or not the
 * last answer has come: a program that stands still does not thin out the questions.
 */
export class Prober implements AsyncDisposable {
  readonly answers: ProbeAnswer[] = [];
  private readonly pending = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;
  /** A kept connection of its own for each. */
  private readonly probes: readonly (Probe & { readonly agent: Agent })[];
  private turn = 0;

  constructor(probes: readonly Probe[], intervalMs: number) {
    this.probes = probes.map((probe) => ({ ...probe, agent: new Agent({ keepAlive: true, maxSockets: 1 }) }));
    this.timer = setInterval(() => this.askAll(), intervalMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.pending);
    for (const { agent } of this.probes) agent.destroy();
  }

  private askAll(): void {
    this.turn += 1;
    for (const probe of this.probes) {
      const isKept = this.turn % 2 === 0;
      const asking = this.ask(probe, isKept ? probe.agent : undefined).finally(() => this.pending.delete(asking));
      this.pending.add(asking);
    }
  }

  private async ask({ path, port }: Probe, kept: Agent | undefined): Promise<void> {
    const askedMs = performance.now();
    let status: number | undefined;
    try {
      const outgoing = request({ host: '127.0.0.1', port, path, agent: kept ?? false });
      outgoing.end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      status = response.statusCode;
    } catch {
      // No answer; whoever looks at the answers decides whether there should have been one.
    }
    const connection = kept === undefined ? 'fresh' : 'kept';
    this.answers.push({ path, connection, askedMs, tookMs: performance.now() - askedMs, status });
  }
}
