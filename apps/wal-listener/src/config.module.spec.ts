import { Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { APP_CONFIG, type AppConfig } from '#lib/config';
import { loadEnv } from '../../../libs/config/src/testing/load.js';
import { AppConfigModule } from './config.module.js';

@Module({})
class FeatureModule {
  constructor(@Inject(APP_CONFIG) readonly config: AppConfig) {}
}

describe('AppConfigModule', () => {
  it('gives every module the very object that was loaded, and leaves the environment alone', async () => {
    const loaded = loadEnv({ WAL_TAGS: '{"a":"b"}' });
    const before = { ...process.env };
    const root = { module: FeatureModule, imports: [AppConfigModule.forRoot(loaded)] };
    const app = await NestFactory.createApplicationContext(root, { logger: false });
    expect(app.get(FeatureModule).config).toBe(loaded.config);
    expect(app.get(APP_CONFIG, { strict: false })).toBe(loaded.config);
    expect({ ...process.env }).toEqual(before);
    await app.close();
  });
});
