import { type DynamicModule, Module } from '@nestjs/common';
import { AppConfigModule, type AppConfig } from '#lib/config';
import { HealthModule } from '#lib/health';
import type { Logger } from '#lib/kernel';
import { MetricsModule } from '#lib/metrics';
import { ObservabilityModule } from '#lib/observability';
import { PipelineModule } from '#lib/pipeline';

/** The composition root: the only place that knows every module. */
@Module({})
export class AppModule {
  static register(config: AppConfig, logger: Logger): DynamicModule {
    return {
      module: AppModule,
      imports: [
        AppConfigModule.forRoot(config),
        ObservabilityModule.register(logger),
        MetricsModule.register(config),
        PipelineModule,
        HealthModule,
      ],
    };
  }
}
