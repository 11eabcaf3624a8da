import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule, registerAs } from '@nestjs/config';
import { APP_CONFIG, type AppConfig, type LoadedConfig } from '#lib/config';

/** Hands the configuration, loaded once before the application is created, to every module. */
@Module({})
export class AppConfigModule {
  static forRoot(loaded: LoadedConfig): DynamicModule {
    const namespace = registerAs('walListener', (): AppConfig => loaded.config);
    return {
      module: AppConfigModule,
      global: true,
      imports: [
        // Everything was read and checked already: no second look at the environment or at .env.
        ConfigModule.forRoot({
          load: [namespace],
          ignoreEnvFile: true,
          validatePredefined: false,
          skipProcessEnv: true,
        }),
      ],
      providers: [{ provide: APP_CONFIG, useExisting: namespace.KEY }],
      exports: [APP_CONFIG],
    };
  }
}
