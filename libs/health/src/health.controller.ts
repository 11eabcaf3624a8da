import { Controller, Get, Header, Headers, Inject, Res } from '@nestjs/common';
import { HealthCheckService, type HealthCheckResult, type HealthIndicatorResult } from '@nestjs/terminus';
import { HealthIndicator } from './health.indicator.js';

/** As much of the HTTP response as is needed here. */
interface PlainResponse {
  status(code: number): PlainResponse;
  type(contentType: string): PlainResponse;
  send(body: unknown): void;
}

/** Probes: 200 `ok` or 500 `failed`; the details in JSON for whoever accepts it. */
@Controller()
export class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(HealthIndicator) private readonly indicator: HealthIndicator,
  ) {}

  /** Liveness: the process makes progress or retries, and does not stand still. Parts: pipeline, eventLoop. */
  @Get('healthz')
  @Header('Cache-Control', 'no-store')
  healthz(@Headers('accept') accept: string | undefined, @Res() response: PlainResponse): Promise<void> {
    return this.answer(accept, response, () => this.indicator.live());
  }

  /** Readiness: events flow, or this is a standby. Parts: stream, database, broker, slot, eventLoop; any one can fail it. */
  @Get('ready')
  @Header('Cache-Control', 'no-store')
  ready(@Headers('accept') accept: string | undefined, @Res() response: PlainResponse): Promise<void> {
    return this.answer(accept, response, () => this.indicator.ready());
  }

  private async answer(
    accept: string | undefined,
    response: PlainResponse,
    parts: () => HealthIndicatorResult,
  ): Promise<void> {
    const { ok, result } = await this.check(parts);
    response.status(ok ? 200 : 500);
    if (accept?.includes('application/json') === true) response.type('application/json').send(result);
    else response.type('text/plain').send(ok ? 'ok' : 'failed');
  }

  /** Terminus throws for a failed check; here it is a result like the other. */
  private async check(parts: () => HealthIndicatorResult): Promise<{ ok: boolean; result: unknown }> {
    try {
      const result: HealthCheckResult = await this.health.check([parts]);
      return { ok: result.status === 'ok', result };
    } catch (error) {
      const response = (error as { getResponse?: () => unknown }).getResponse;
      if (typeof response !== 'function') throw error;
      return { ok: false, result: response.call(error) };
    }
  }
}
