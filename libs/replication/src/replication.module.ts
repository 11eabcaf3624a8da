import { Module } from '@nestjs/common';

import { APP_CONFIG, type AppConfig } from '#lib/config';
import { CLOCK, LOGGER, METRICS, type Clock, type Logger, type Metrics } from '#lib/kernel';

import type { ChangeSource } from './change-source.js';
import { PgChangeSource } from './pg-change-source.js';
import { CHANGE_SOURCE } from './tokens.js';

/** Provides the ChangeSource; connects to nothing by itself. */
@Module({
  providers: [
    {
      provide: CHANGE_SOURCE,
      inject: [APP_CONFIG, CLOCK, LOGGER, METRICS],
      useFactory: (config: AppConfig, clock: Clock, logger: Logger, metrics: Metrics): ChangeSource =>
        new PgChangeSource({ config, clock, logger, metrics }),
    },
  ],
  exports: [CHANGE_SOURCE],
})
export class ReplicationModule {}
