import { type DynamicModule, type FactoryProvider, Module } from '@nestjs/common';
import { RelationFilter, type FilterRules } from './relation-filter.js';
import { TopicRouter, type TopicRules } from './topic-router.js';

/** Provides RelationFilter and TopicRouter, built from rules that the importing module takes from its configuration. */
@Module({})
export class FilteringModule {
  static registerAsync(rules: Pick<FactoryProvider<FilterRules & TopicRules>, 'inject' | 'useFactory'>): DynamicModule {
    const inject = rules.inject ?? [];
    return {
      module: FilteringModule,
      providers: [
        {
          provide: RelationFilter,
          inject,
          useFactory: async (...args) => new RelationFilter(await rules.useFactory(...args)),
        },
        {
          provide: TopicRouter,
          inject,
          useFactory: async (...args) => new TopicRouter(await rules.useFactory(...args)),
        },
      ],
      exports: [RelationFilter, TopicRouter],
    };
  }
}
