export { FilteringModule } from './filtering.module.js';
export { RelationFilter, type FilterRules, type RelationDecision } from './relation-filter.js';
export { compileTableMatcher, type TableMatcher } from './table-matcher.js';
export { TopicRouter, type TopicRules } from './topic-router.js';
