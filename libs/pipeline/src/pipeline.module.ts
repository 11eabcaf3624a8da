import { Module } from '@nestjs/common';
import { APP_CONFIG, type AppConfig } from '#lib/config';
import { FilteringModule, RelationFilter, TopicRouter } from '#lib/filtering';
import {
  CLOCK,
  ERROR_REPORTER,
  LOGGER,
  METRICS,
  type Clock,
  type ErrorReporter,
  type Logger,
  type Metrics,
} from '#lib/kernel';
import { PUBLISHER_DRIVER, PublishingModule, type PublisherDriver } from '#lib/publishing';
import { CHANGE_SOURCE, ReplicationModule, type ChangeSource } from '#lib/replication';
import { PipelineHost } from './pipeline.host.js';
import { PipelineState } from './pipeline-state.js';
import { Supervisor } from './supervisor.js';
import { PIPELINE_STATE, SUPERVISOR } from './tokens.js';

/** Without progress for this many of the longer of ackTimeout and heartbeatInterval the process counts as wedged. */
const WEDGED_FACTOR = 3;

/** Wires source, filter, publisher and supervisor; the host binds them to the application's life. */
@Module({
  imports: [
    ReplicationModule,
    PublishingModule.forRootAsync({
      inject: [APP_CONFIG, LOGGER, METRICS],
      useFactory: (config: AppConfig, logger: Logger, metrics: Metrics) => ({ config, deps: { logger, metrics } }),
    }),
    FilteringModule.registerAsync({
      inject: [APP_CONFIG],
      useFactory: ({ listener, publisher }: AppConfig) => ({
        filterTables: listener.filterTables,
        includeTables: listener.includeTables,
        exclude: listener.exclude,
        topic: publisher.topic,
        topicPrefix: publisher.topicPrefix,
        topicsMap: listener.topicsMap,
      }),
    }),
  ],
  providers: [
    {
      provide: PIPELINE_STATE,
      inject: [APP_CONFIG, CLOCK, METRICS],
      useFactory: (config: AppConfig, clock: Clock, metrics: Metrics) =>
        new PipelineState(
          clock,
          metrics,
          WEDGED_FACTOR * Math.max(config.listener.ackTimeoutMs, config.listener.heartbeatIntervalMs),
        ),
    },
    {
      provide: SUPERVISOR,
      inject: [
        APP_CONFIG,
        CHANGE_SOURCE,
        PUBLISHER_DRIVER,
        RelationFilter,
        TopicRouter,
        PIPELINE_STATE,
        METRICS,
        LOGGER,
        ERROR_REPORTER,
        CLOCK,
      ],
      useFactory: (
        config: AppConfig,
        source: ChangeSource,
        driver: PublisherDriver,
        filter: RelationFilter,
        router: TopicRouter,
        state: PipelineState,
        metrics: Metrics,
        logger: Logger,
        reporter: ErrorReporter,
        clock: Clock,
      ) => new Supervisor({ config, source, driver, filter, router, state, metrics, logger, reporter, clock }),
    },
    {
      provide: PipelineHost,
      inject: [SUPERVISOR, APP_CONFIG, LOGGER, CLOCK],
      useFactory: (supervisor: Supervisor, config: AppConfig, logger: Logger, clock: Clock) =>
        new PipelineHost(supervisor, logger, clock, config.shutdownTimeoutMs),
    },
  ],
  exports: [PIPELINE_STATE, PipelineHost],
})
export class PipelineModule {}
