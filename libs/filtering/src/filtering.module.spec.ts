import { Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { FilteringModule } from './filtering.module.js';
import { RelationFilter, type FilterRules } from './relation-filter.js';
import { TopicRouter, type TopicRules } from './topic-router.js';

const RULES: FilterRules & TopicRules = {
  filterTables: new Map([['users', ['insert']]]),
  includeTables: new Map(),
  exclude: { schemas: [], tables: [], columns: [] },
  topic: 'shop',
  topicPrefix: 'cdc_',
  topicsMap: new Map(),
};

/** What imports the library: like any module of the program it gets its own parts injected. */
@Module({})
class ConsumerModule {
  constructor(
    @Inject(RelationFilter) readonly filter: RelationFilter,
    @Inject(TopicRouter) readonly router: TopicRouter,
  ) {}
}

describe('FilteringModule', () => {
  it('provides filter and router, built from the rules of another module', async () => {
    const rules = {
      module: Object,
      global: true,
      providers: [{ provide: 'rules', useValue: RULES }],
      exports: ['rules'],
    };
    const filtering = FilteringModule.registerAsync({ inject: ['rules'], useFactory: (found: typeof RULES) => found });
    const root = { module: ConsumerModule, imports: [rules, filtering] };
    const app = await NestFactory.createApplicationContext(root, { logger: false, abortOnError: false });
    const { filter, router } = app.get(ConsumerModule);
    expect(filter.decide('public', 'users')).toMatchObject({ insert: true, update: false });
    expect(filter.decide('public', 'orders').any).toBe(false);
    expect(router.topicOf('public', 'users')).toBe('shop.cdc_public_users');
    await app.close();
  });
});
