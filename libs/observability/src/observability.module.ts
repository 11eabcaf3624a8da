import { type DynamicModule, Module } from '@nestjs/common';
import { CLOCK, ERROR_REPORTER, LOGGER, noReports, systemClock, type Logger } from '#lib/kernel';

/** Makes the process's logger and clock available to every module. */
@Module({})
export class ObservabilityModule {
  static register(logger: Logger): DynamicModule {
    return {
      module: ObservabilityModule,
      global: true,
      providers: [
        { provide: LOGGER, useValue: logger },
        { provide: CLOCK, useValue: systemClock },
        { provide: ERROR_REPORTER, useValue: noReports },
      ],
      exports: [LOGGER, CLOCK, ERROR_REPORTER],
    };
  }
}
