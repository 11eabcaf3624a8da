import { type DynamicModule, type InjectionToken, Module } from '@nestjs/common';
import { RelationFilter, type FilterRules } from './relation-filter.js';
import { TopicRouter, type TopicRules } from './topic-router.js';

export interface FilteringModuleOptions {
  /** Tokens of what `useFactory` takes, in its order. */
  readonly inject: InjectionToken[];
  readonly useFactory: (...injected: never[]) => FilterRules & TopicRules;
}

/** Provides RelationFilter and TopicRouter, built from rules that the importing module takes from its configuration. */
@Module({})
export class FilteringModule {
  static registerAsync({ inject, useFactory }: FilteringModuleOptions): DynamicModule {
    return {
      module: FilteringModule,
      providers: [
        {
          provide: RelationFilter,
          inject,
          useFactory: (...injected: never[]) => new RelationFilter(useFactory(...injected)),
        },
        {
          provide: TopicRouter,
          inject,
          useFactory: (...injected: never[]) => new TopicRouter(useFactory(...injected)),
        },
      ],
      exports: [RelationFilter, TopicRouter],
    };
  }
}
