import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { PipelineModule } from '#lib/pipeline';
import { HealthController } from './health.controller.js';
import { PipelineIndicator } from './pipeline.indicator.js';

@Module({
  imports: [TerminusModule.forRoot({ logger: false }), PipelineModule],
  controllers: [HealthController],
  providers: [PipelineIndicator],
})
export class HealthModule {}
