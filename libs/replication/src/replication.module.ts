import { Module } from '@nestjs/common';

import { APP_CONFIG, type AppConfig } from '#lib/config';
import { CLOCK, LOGGER, type Clock, type Logger } from '#lib/kernel';

import type { ChangeSource } from './change-source.js';
import { PgChangeSource } from './pg-change-source.js';
import { CHANGE_SOURCE } from './tokens.js';

/** Provides the ChangeSource; connects to nothing by itself. */
@Module({
  providers: [
    {
      provide: CHANGE_SOURCE,
      inject: [APP_CONFIG, CLOCK, LOGGER],
      useFactory: (config: AppConfig, clock: Clock, logger: Logger): ChangeSource =>
        new PgChangeSource({ config, clock, logger }),
    },
  ],
  exports: [CHANGE_SOURCE],
})
export class ReplicationModule {}
