import { toAppError, type Clock, type Metrics } from '#lib/kernel';
import type { ChangeSource } from '#lib/replication';
import type { PipelineState } from './pipeline-state.js';

/** A server that takes longer to answer is asked again the next time. */
const TIMEOUT_MS = 10_000;

/**
 * Keeps an eye on the slot while no stream is open: that is when it retains WAL, and a running session, which reads it
 * otherwise, is not there to tell.
 */
export class SlotWatch {
  private isReading = false;

  constructor(
    private readonly source: Pick<ChangeSource, 'readSlot'>,
    private readonly state: PipelineState,
    private readonly metrics: Metrics,
    private readonly clock: Clock,
  ) {}

  /** Looks every `periodMs` until the returned function is called. */
  start(periodMs: number): () => void {
    let cancel = () => {};
    const next = () => {
      cancel = this.clock.after(periodMs, () => {
        void this.look(periodMs);
        next();
      });
    };
    next();
    return () => cancel();
  }

  /** Reads the slot unless a session does; a failure is part of the state, never thrown. */
  async look(periodMs: number): Promise<void> {
    const { state } = this;
    if (this.isReading || this.isTold()) return;
    this.isReading = true;
    try {
      const reading = await this.source.readSlot(AbortSignal.timeout(Math.min(periodMs, TIMEOUT_MS)));
      if (this.isTold()) return;
      state.checked('database', undefined);
      state.slot(reading);
      this.tellLag(reading !== undefined && reading.lagBytes > 0);
    } catch (error) {
      if (this.isTold()) return;
      state.checked('database', toAppError(error));
      // It may be behind, and nothing flows.
      this.tellLag(true);
    } finally {
      this.isReading = false;
    }
  }

  /** For a standby, 0: the active replica tells. */
  private tellLag(isBehind: boolean): void {
    this.metrics.lagSeconds(isBehind ? this.state.notStreamingForMs / 1000 : 0);
  }

  /** Whether a session reads the slot itself, or nobody needs to. */
  private isTold(): boolean {
    return ['streaming', 'stopping', 'stopped', 'failed'].includes(this.state.phase);
  }
}
