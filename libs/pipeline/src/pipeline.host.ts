import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AppError, deferred, toAppError, type Clock, type Logger } from '#lib/kernel';
import type { Supervisor } from './supervisor.js';

/** Beyond its own deadline the supervisor gets this much before the process gives up on it. */
const WATCHDOG_SLACK_MS = 5_000;

/**
 * Binds the supervisor to the application's life: starts it without waiting (waiting would keep the probes' port shut)
 * and stops it before the application goes down. Its hooks never throw; how it ended is in `finished`.
 */
@Injectable()
export class PipelineHost implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private readonly done = deferred<AppError | undefined>();
  private started = false;

  constructor(
    private readonly supervisor: Supervisor,
    private readonly logger: Logger,
    private readonly clock: Clock,
    private readonly shutdownTimeoutMs: number,
  ) {}

  /** Resolves when the pipeline is over: undefined when stopped on request, else the fatal error. */
  get finished(): Promise<AppError | undefined> {
    return this.done.promise;
  }

  onApplicationBootstrap(): void {
    this.started = true;
    void this.supervisor.run(this.stopping.signal).then(
      () => this.done.resolve(undefined),
      (error: unknown) => this.done.resolve(toAppError(error)),
    );
  }

  /** Cuts the replication connection at once, so that nothing more is confirmed: for a process that cannot trust itself. */
  abandon(): void {
    this.supervisor.cut();
    this.stopping.abort();
  }

  async onModuleDestroy(): Promise<void> {
    if (!this.started) return;
    this.stopping.abort();
    const cancel = this.clock.after(this.shutdownTimeoutMs + WATCHDOG_SLACK_MS, () => {
      this.logger.error('shutdown took too long; leaving the rest to the next start');
      this.done.resolve(new AppError('INTERNAL', 'shutdown did not end within its deadline'));
    });
    await this.done.promise;
    cancel();
  }
}
