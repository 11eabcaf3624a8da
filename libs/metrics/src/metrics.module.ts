import { type DynamicModule, Module } from '@nestjs/common';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { register } from 'prom-client';
import type { AppConfig } from '#lib/config';
import { METRICS, noMetrics } from '#lib/kernel';
import { type BuildLabels, PrometheusMetrics } from './prometheus-metrics.js';

/** Provides the metrics port: Prometheus with `/metrics` when monitoring.promAddr is set, else nothing is kept. */
@Module({})
export class MetricsModule {
  /** @param build what `wal_listener_build_info` says of the program */
  static register(config: AppConfig, build: BuildLabels): DynamicModule {
    const { promAddr, maxLabelValues: maxTables } = config.monitoring;
    const on = promAddr !== undefined;
    return {
      module: MetricsModule,
      global: true,
      imports: on ? [PrometheusModule.register({ path: '/metrics', defaultMetrics: { enabled: true } })] : [],
      providers: [
        {
          provide: METRICS,
          useFactory: () => (on ? new PrometheusMetrics(register, { maxTables, build }) : noMetrics),
        },
      ],
      exports: [METRICS],
    };
  }
}
