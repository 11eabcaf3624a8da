import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { CLOCK, type Clock } from '#lib/kernel';
import { PipelineModule } from '#lib/pipeline';
import { EventLoop } from './event-loop.js';
import { HealthController } from './health.controller.js';
import { HealthIndicator } from './health.indicator.js';

/** The probes' routes; who listens for them is the application's business. */
@Module({
  imports: [TerminusModule.forRoot({ logger: false }), PipelineModule],
  controllers: [HealthController],
  providers: [
    HealthIndicator,
    { provide: EventLoop, inject: [CLOCK], useFactory: (clock: Clock) => new EventLoop(clock) },
  ],
})
export class HealthModule {}
