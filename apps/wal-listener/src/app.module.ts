import { type DynamicModule, Module } from '@nestjs/common';
import type { LoadedConfig } from '#lib/config';
import { HealthModule } from '#lib/health';
import type { ErrorReporter, Logger } from '#lib/kernel';
import { MetricsModule } from '#lib/metrics';
import { ObservabilityModule } from '#lib/observability';
import { PipelineModule } from '#lib/pipeline';
import { buildInfo } from './build-info.js';
import { AppConfigModule } from './config.module.js';

/** The composition root: the only place that knows every module. */
@Module({})
export class AppModule {
  static register(loaded: LoadedConfig, logger: Logger, reporter: ErrorReporter): DynamicModule {
    return {
      module: AppModule,
      imports: [
        AppConfigModule.forRoot(loaded),
        ObservabilityModule.register(logger, reporter),
        MetricsModule.register(loaded.config, buildInfo()),
        PipelineModule,
        HealthModule,
      ],
    };
  }
}
