import type { AppError, Clock, Metrics, SlotReading } from '#lib/kernel';
import { sideOf, type Side } from './side-of.js';

/** Where the service is in its life. */
export type PipelinePhase =
  'starting' | 'connecting' | 'standby' | 'streaming' | 'waiting' | 'stopping' | 'stopped' | 'failed';

export interface Verdict {
  readonly ok: boolean;
  /** In a few words: a phase, an error code. */
  readonly detail: string;
  /** Figures behind it: milliseconds, bytes. */
  readonly facts?: Readonly<Record<string, string | number>>;
}

/** What readiness is made of: it holds when every part does. */
export interface PartVerdicts {
  readonly stream: Verdict;
  readonly database: Verdict;
  readonly broker: Verdict;
  readonly slot: Verdict;
}

/** What is known of one side: nothing before its first sign of life. */
interface SideState {
  wasReached: boolean;
  /** What ended the last attempt. */
  failure: AppError | undefined;
  /** What the last health check found. */
  unhealthy: AppError | undefined;
}

const unknownSide = (): SideState => ({ wasReached: false, failure: undefined, unhealthy: undefined });

/**
 * What the probes and metrics read: written by the supervisor and the session, never awaited. Readiness is whether
 * events flow (or this is a standby); liveness is whether the process makes progress or retries.
 */
export class PipelineState {
  private currentPhase: PipelinePhase = 'starting';
  private readonly sides: Readonly<Record<Side, SideState>> = { database: unknownSide(), broker: unknownSide() };
  /** What keeps the publisher from publishing now. */
  private publisherTrouble: AppError | undefined;
  private lastError: AppError | undefined;
  private lastProgressMs: number;
  private lastStreamingMs: number;
  private reading: SlotReading | undefined;
  private readAtMs: number | undefined;
  private unsettled: () => boolean = () => false;
  private silentForMs: () => number | undefined = () => undefined;

  constructor(
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    /** Without any progress for this long while work is unsettled, the process counts as wedged. */
    private readonly wedgedAfterMs: number,
  ) {
    this.lastProgressMs = clock.now();
    this.lastStreamingMs = this.lastProgressMs;
  }

  get phase(): PipelinePhase {
    return this.currentPhase;
  }

  /** Milliseconds since events could last flow; 0 while they can, be it through another replica. */
  get notStreamingForMs(): number {
    return this.isServed() ? 0 : this.clock.now() - this.lastStreamingMs;
  }

  /** @param error what ended the attempt, for `waiting` and `failed` */
  enter(phase: PipelinePhase, error?: AppError): void {
    if (this.isServed()) this.lastStreamingMs = this.clock.now();
    this.currentPhase = phase;
    // While stopping the same publisher goes on until what is in flight is settled.
    if (phase !== 'stopping') this.publisherTrouble = undefined;
    this.lastError = error ?? (phase === 'streaming' ? undefined : this.lastError);
    const side = error === undefined ? undefined : sideOf(error);
    if (side !== undefined) this.sides[side].failure = error;
    if (phase === 'streaming') {
      this.reached('broker');
      this.reached('database');
    }
    this.metrics.state(phase);
    this.progress();
  }

  /** One side took a connection and answered. */
  reached(side: Side): void {
    Object.assign(this.sides[side], { wasReached: true, failure: undefined, unhealthy: undefined });
  }

  /** The broker stopped taking events, or takes them again, which tells more than the last health check. */
  broker(error: AppError | undefined): void {
    this.publisherTrouble = error;
    if (error === undefined) this.sides.broker.unhealthy = undefined;
    this.progress();
  }

  /** A health check of a side failed, or passed (undefined). Returns whether that is news. */
  checked(side: Side, error: AppError | undefined): boolean {
    const state = this.sides[side];
    const isNews = state.unhealthy?.code !== error?.code;
    if (error === undefined) this.reached(side);
    else state.unhealthy = error;
    return isNews;
  }

  /** What the server said of the slot just now; undefined = there is none. */
  slot(reading: SlotReading | undefined): void {
    this.reading = reading;
    this.readAtMs = this.clock.now();
    this.metrics.slot(reading);
  }

  /** A frame was handled, an acknowledgement came, an attempt or a back-off began. */
  progress(): void {
    this.lastProgressMs = this.clock.now();
  }

  /** How to find out what a session knows: whether work waits for its acknowledgement, how long the server is silent. */
  watch(unsettled: () => boolean, silentForMs: () => number | undefined = () => undefined): void {
    this.unsettled = unsettled;
    this.silentForMs = silentForMs;
  }

  live(): Verdict {
    const silentMs = this.clock.now() - this.lastProgressMs;
    if (this.unsettled() && silentMs > this.wedgedAfterMs) {
      return { ok: false, detail: `no progress for ${Math.round(silentMs)} ms with unsettled work` };
    }
    return { ok: this.currentPhase !== 'failed', detail: this.currentPhase };
  }

  /** Readiness holds when every part does. */
  parts(): PartVerdicts {
    const { database, broker } = this.sides;
    return {
      stream: this.streamVerdict(),
      database: sideVerdict('database', database, undefined),
      broker: sideVerdict('broker', broker, this.publisherTrouble),
      slot: this.slotVerdict(),
    };
  }

  /** This replica streams, or another does. */
  private isServed(): boolean {
    return this.currentPhase === 'streaming' || this.currentPhase === 'standby';
  }

  private streamVerdict(): Verdict {
    const phase = this.currentPhase;
    const ok = this.isServed();
    const detail = ok || this.lastError === undefined ? phase : `${phase}: ${this.lastError.code}`;
    const silentMs = this.silentForMs();
    return { ok, detail, ...(silentMs !== undefined && { facts: { silentMs: Math.round(silentMs) } }) };
  }

  private slotVerdict(): Verdict {
    const { reading } = this;
    if (reading === undefined) return { ok: true, detail: this.readAtMs === undefined ? 'not read yet' : 'none' };
    const { walStatus, retainedBytes, lagBytes, limitBytes, safeBytes } = reading;
    return {
      ok: walStatus !== 'lost',
      detail: walStatus,
      facts: {
        retainedBytes,
        lagBytes,
        ...(limitBytes !== undefined && { limitBytes }),
        ...(safeBytes !== undefined && { safeBytes }),
        readMsAgo: Math.round(this.clock.now() - (this.readAtMs ?? 0)),
      },
    };
  }
}

function sideVerdict(
  side: Side,
  { wasReached, failure, unhealthy }: SideState,
  trouble: AppError | undefined,
): Verdict {
  const error = trouble ?? failure ?? unhealthy;
  if (error !== undefined) return { ok: false, detail: `${side}: ${error.code}` };
  return wasReached ? { ok: true, detail: 'reachable' } : { ok: false, detail: `${side}: not reached yet` };
}
