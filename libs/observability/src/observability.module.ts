import { type DynamicModule, Module } from '@nestjs/common';
import { CLOCK, LOGGER, systemClock, type Logger } from '#lib/kernel';

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
      ],
      exports: [LOGGER, CLOCK],
    };
  }
}
