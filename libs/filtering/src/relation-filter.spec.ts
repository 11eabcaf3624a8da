import { describe, expect, it } from 'vitest';
import { RelationFilter, type FilterRules } from './relation-filter.js';

const filter = (rules: Partial<FilterRules>) =>
  new RelationFilter({
    filterTables: undefined,
    includeTables: new Map(),
    exclude: { schemas: [], tables: [], columns: [] },
    ...rules,
  });
const excluding = (exclude: Partial<FilterRules['exclude']>) =>
  filter({ exclude: { schemas: [], tables: [], columns: [], ...exclude } });
const all = { insert: true, update: true, delete: true, truncate: true, any: true };
const none = { insert: false, update: false, delete: false, truncate: false, any: false };

describe('RelationFilter', () => {
  it('passes everything without rules', () => {
    expect(filter({}).decide('public', 'users')).toEqual(all);
  });

  it('passes only what the allow-list names', () => {
    const rules = filter({ filterTables: new Map([['users', ['insert', 'truncate']]]) });
    expect(rules.decide('public', 'users')).toEqual({ ...none, insert: true, truncate: true, any: true });
    expect(rules.decide('public', 'orders')).toEqual(none);
    expect(filter({ filterTables: new Map() }).decide('public', 'users')).toEqual(none);
  });

  it('joins the actions of all entries that match', () => {
    const rules = filter({
      filterTables: new Map([
        ['users', ['insert']],
        ['/^public\\./', ['delete']],
      ] as never),
    });
    expect(rules.decide('public', 'users')).toEqual({ ...none, insert: true, delete: true, any: true });
  });

  it('restricts the actions of included tables only', () => {
    const rules = filter({ includeTables: new Map([['public.users', ['update']]]) });
    expect(rules.decide('public', 'users')).toEqual({ ...none, update: true, any: true });
    expect(rules.decide('other', 'users')).toEqual(all);
  });

  it('applies filter and include together', () => {
    const rules = filter({
      filterTables: new Map([['users', ['insert', 'update']]]),
      includeTables: new Map([['users', ['update', 'delete']]]),
    });
    expect(rules.decide('public', 'users')).toEqual({ ...none, update: true, any: true });
  });

  it('keeps case in filter and include, not in exclude', () => {
    expect(filter({ filterTables: new Map([['Users', ['insert']]]) }).decide('public', 'users')).toEqual(none);
    expect(excluding({ tables: ['USERS'] }).decide('Public', 'users')).toEqual(none);
    expect(excluding({ schemas: ['PUBLIC'] }).decide('Public', 'users')).toEqual(none);
    expect(excluding({ tables: ['PUBLIC.Users'] }).decide('public', 'users')).toEqual(none);
    expect(excluding({ tables: ['/AUDIT/'] }).decide('public', 'my_audit_log')).toEqual(none);
    expect(excluding({ tables: ['users'] }).decide('public', 'users2')).toEqual(all);
  });

  it('excludes columns without regard to case', () => {
    const rules = excluding({ columns: ['Password'] });
    expect(rules.excludesColumn('PASSWORD')).toBe(true);
    expect(rules.excludesColumn('password_hint')).toBe(false);
  });
});
