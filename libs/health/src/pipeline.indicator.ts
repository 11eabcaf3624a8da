import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { PIPELINE_STATE, type PipelineState, type Verdict } from '#lib/pipeline';

/** The pipeline's own state as a health indicator; reads memory only, so a probe never waits. */
@Injectable()
export class PipelineIndicator {
  constructor(
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(PIPELINE_STATE) private readonly state: PipelineState,
  ) {}

  live(): HealthIndicatorResult {
    return this.report(this.state.live());
  }

  ready(): HealthIndicatorResult {
    return this.report(this.state.ready());
  }

  private report({ ok, detail }: Verdict): HealthIndicatorResult {
    const session = this.indicators.check('pipeline');
    return ok ? session.up({ detail }) : session.down({ detail });
  }
}
