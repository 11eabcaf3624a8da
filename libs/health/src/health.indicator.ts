import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { PIPELINE_STATE, type PipelineState, type Verdict } from '#lib/pipeline';
import { EventLoop } from './event-loop.js';

/**
 * What the probes are made of, part by part. Every part is read from memory, so a probe neither waits for anything nor
 * touches a connection.
 */
@Injectable()
export class HealthIndicator implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(PIPELINE_STATE) private readonly state: Pick<PipelineState, 'live' | 'parts'>,
    @Inject(EventLoop) private readonly eventLoop: EventLoop,
  ) {}

  onApplicationBootstrap(): void {
    this.eventLoop.start();
  }

  /** Not before: a stop may take its time, and is watched like the rest of the life. */
  onApplicationShutdown(): void {
    this.eventLoop.stop();
  }

  live(): HealthIndicatorResult {
    return this.report({ pipeline: this.state.live(), eventLoop: this.eventLoop.verdict() });
  }

  ready(): HealthIndicatorResult {
    return this.report({ ...this.state.parts(), eventLoop: this.eventLoop.verdict() });
  }

  private report(parts: Readonly<Record<string, Verdict>>): HealthIndicatorResult {
    const results = Object.entries(parts).map(([name, { ok, detail, facts }]) => {
      const part = this.indicators.check(name);
      return ok ? part.up({ detail, ...facts }) : part.down({ detail, ...facts });
    });
    return Object.assign({}, ...results) as HealthIndicatorResult;
  }
}
