import { type DynamicModule, type InjectionToken, Module, type ModuleMetadata } from '@nestjs/common';
import type { AppConfig } from '#lib/config';
import { createPublisherDriver } from './create-publisher.js';
import type { PublisherDeps } from './publisher-deps.js';
import { PUBLISHER_DRIVER } from './publisher.token.js';

export interface PublishingModuleOptions {
  readonly imports?: ModuleMetadata['imports'];
  /** Tokens of the configuration, logger and metrics, in the order that `useFactory` takes them. */
  readonly inject: InjectionToken[];
  readonly useFactory: (...injected: never[]) => { readonly config: AppConfig; readonly deps: PublisherDeps };
}

/** Provides PUBLISHER_DRIVER: the driver of the configured broker. Building it connects to nothing. */
@Module({})
export class PublishingModule {
  static forRootAsync(options: PublishingModuleOptions): DynamicModule {
    return {
      module: PublishingModule,
      imports: options.imports ?? [],
      providers: [
        {
          provide: PUBLISHER_DRIVER,
          inject: options.inject,
          useFactory: (...injected: never[]) => {
            const { config, deps } = options.useFactory(...injected);
            return createPublisherDriver(config, deps);
          },
        },
      ],
      exports: [PUBLISHER_DRIVER],
    };
  }
}
