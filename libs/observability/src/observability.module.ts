import { type DynamicModule, Module } from '@nestjs/common';
import { CLOCK, ERROR_REPORTER, LOGGER, systemClock, type ErrorReporter, type Logger } from '#lib/kernel';

/** Makes the process's logger, error reporter and clock available to every module. */
@Module({})
export class ObservabilityModule {
  static register(logger: Logger, reporter: ErrorReporter): DynamicModule {
    return {
      module: ObservabilityModule,
      global: true,
      providers: [
        { provide: LOGGER, useValue: logger },
        { provide: CLOCK, useValue: systemClock },
        { provide: ERROR_REPORTER, useValue: reporter },
      ],
      exports: [LOGGER, CLOCK, ERROR_REPORTER],
    };
  }
}
