import type { AppError, Clock, Metrics } from '#lib/kernel';

/** Where the service is in its life. */
export type PipelinePhase =
  'starting' | 'connecting' | 'standby' | 'streaming' | 'waiting' | 'stopping' | 'stopped' | 'failed';

export interface Verdict {
  readonly ok: boolean;
  readonly detail: string;
}

/**
 * What the probes and metrics read: written by the supervisor and the pump, never awaited. Readiness is whether events
 * flow (or this is a standby); liveness is whether the process makes progress or retries.
 */
export class PipelineState {
  private currentPhase: PipelinePhase = 'starting';
  private brokerError: AppError | undefined;
  private lastError: AppError | undefined;
  private lastProgressMs: number;
  private unsettled: () => boolean = () => false;

  constructor(
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    /** Without any progress for this long while work is unsettled, the process counts as wedged. */
    private readonly wedgedAfterMs: number,
  ) {
    this.lastProgressMs = clock.now();
  }

  get phase(): PipelinePhase {
    return this.currentPhase;
  }

  enter(phase: PipelinePhase, error?: AppError): void {
    this.currentPhase = phase;
    this.lastError = error ?? (phase === 'streaming' ? undefined : this.lastError);
    if (phase !== 'streaming') this.brokerError = undefined;
    this.metrics.state(phase);
    this.progress();
  }

  /** The broker stopped taking events, or takes them again. */
  broker(error: AppError | undefined): void {
    this.brokerError = error;
    this.progress();
  }

  /** A frame was handled, an acknowledgement came, an attempt or a back-off began. */
  progress(): void {
    this.lastProgressMs = this.clock.now();
  }

  /** How to find out whether work waits for its acknowledgement; replaced by each session. */
  watch(unsettled: () => boolean): void {
    this.unsettled = unsettled;
  }

  ready(): Verdict {
    if (this.currentPhase === 'standby') return { ok: true, detail: 'standby' };
    if (this.currentPhase !== 'streaming') return { ok: false, detail: describe(this.currentPhase, this.lastError) };
    if (this.brokerError !== undefined) return { ok: false, detail: describe('broker', this.brokerError) };
    return { ok: true, detail: 'streaming' };
  }

  live(): Verdict {
    const silentMs = this.clock.now() - this.lastProgressMs;
    if (this.unsettled() && silentMs > this.wedgedAfterMs) {
      return { ok: false, detail: `no progress for ${Math.round(silentMs)} ms with unsettled work` };
    }
    return { ok: this.currentPhase !== 'failed', detail: this.currentPhase };
  }
}

function describe(what: string, error: AppError | undefined): string {
  return error === undefined ? what : `${what}: ${error.code}`;
}
