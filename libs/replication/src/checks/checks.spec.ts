import { describe, expect, it } from 'vitest';

import type { FilterAction } from '#lib/config';

import type { CatalogTable } from '../catalog.js';
import type { ServerFacts } from '../server-facts.js';
import type { Slot } from '../slot.js';
import type { SlotPlan } from '../slot-plan.js';
import { checkServer } from './check-server.js';
import { checkSlot } from './check-slot.js';
import { checkIdentityBeforeCreation, checkIdentityOfPartitions, checkMessageKey } from './check-tables.js';
import { mayBeLeftOut } from './may-be-left-out.js';
import { awaitsApplication } from './synchronous-standby-names.js';

const FACTS: ServerFacts = {
  version: 170005,
  databaseOid: 5,
  walLevel: 'logical',
  maxSlots: 10,
  usedSlots: 0,
  maxSenders: 10,
  usedSenders: 0,
  encoding: 'UTF8',
  synchronousStandbyNames: '',
  synchronizedStandbySlots: '',
  maxSlotWalKeepMb: -1,
  user: 'replicator',
  database: 'shop',
  canReplicate: true,
  isSuperuser: true,
};
const FIRST_START: SlotPlan = {
  createPublication: 'p',
  createSlot: true,
  dropSlot: false,
  gap: undefined,
  findings: [],
};
const server = (facts: Partial<ServerFacts>) => checkServer({ ...FACTS, ...facts }, FIRST_START, 'wal-listener');

describe('checkServer', () => {
  it('finds nothing on a server that is ready', () => {
    expect(server({})).toEqual([]);
  });

  it('lists everything at once', () => {
    const findings = server({ walLevel: 'replica', usedSlots: 10, canReplicate: false, isSuperuser: false });
    expect(findings.map(({ code }) => code)).toEqual(['WAL_LEVEL', 'SLOTS_EXHAUSTED', 'PG_PRIVILEGE', 'PG_PRIVILEGE']);
    expect(findings[2]?.remedy).toBe('ALTER ROLE "replicator" REPLICATION;');
  });

  it.each([
    [140017, true],
    [140018, false],
    [150012, true],
    [150013, false],
    [160008, true],
    [160009, false],
    [170004, true],
    [170005, false],
    [180000, false],
  ])('knows whether %i has the invalidation defect', (version, has) => {
    expect(server({ version }).map(({ severity }) => severity)).toEqual(has ? ['warning'] : []);
  });

  it('refuses a server that is too old, or whose text cannot be converted', () => {
    expect(server({ version: 130022 })[0]?.severity).toBe('error');
    expect(server({ encoding: 'SQL_ASCII' })[0]?.severity).toBe('error');
  });

  it('only warns of busy senders, which come free by themselves', () => {
    expect(server({ usedSenders: 10 })).toMatchObject([{ severity: 'warning', code: 'SLOTS_EXHAUSTED' }]);
    expect(server({ maxSenders: 0 })).toMatchObject([{ severity: 'error' }]);
  });
});

describe('awaitsApplication', () => {
  it.each([
    ['', false],
    ['standby1', false],
    ['wal-listener2', false],
    ['"wal-listener"', true],
    ['*', true],
    ['FIRST 1 (s1, "WAL-Listener")', true],
    ['ANY 2 (s1, s2, *)', true],
    ['2 (s1, s2)', false],
    ['s1, "*"', true],
  ])('%s → %s', (setting, expected) => {
    expect(awaitsApplication(setting, 'wal-listener')).toBe(expected);
  });
});

const SLOT: Slot = {
  name: 's',
  plugin: 'pgoutput',
  isLogical: true,
  database: 'shop',
  isTemporary: false,
  isActive: false,
  activePid: undefined,
  confirmedFlushLsn: 1n,
  walStatus: 'reserved',
  safeWalBytes: 900 * 1024 * 1024,
  walLimitBytes: undefined,
  invalidation: undefined,
  isFailover: false,
  retainedBytes: 0,
  lagBytes: 0,
};

describe('checkSlot', () => {
  it('warns when little may still be written', () => {
    const facts = { ...FACTS, maxSlotWalKeepMb: 1024 };
    expect(checkSlot(facts, SLOT, false)).toEqual([]);
    expect(checkSlot(facts, { ...SLOT, safeWalBytes: 100 }, false)).toMatchObject([{ code: 'SLOT_LOST' }]);
    expect(checkSlot(facts, { ...SLOT, walStatus: 'unreserved' }, false)).toHaveLength(1);
  });

  it('checks what failover needs', () => {
    expect(checkSlot({ ...FACTS, version: 160009 }, SLOT, true)).toHaveLength(1);
    expect(checkSlot(FACTS, SLOT, true)).toHaveLength(2);
    expect(checkSlot({ ...FACTS, synchronizedStandbySlots: 'a' }, { ...SLOT, isFailover: true }, true)).toEqual([]);
  });
});

const table = (difference: Partial<CatalogTable>): CatalogTable => ({
  oid: 1,
  schema: 'public',
  table: 't',
  replicaIdentity: 'd',
  primaryKey: ['id'],
  identityColumns: ['id'],
  foundColumns: [],
  keyOnlyPartitions: [],
  ...difference,
});

describe('tables', () => {
  it('names what a publication of all tables would break, with both ways out', () => {
    const bare = table({ table: 'log "x"', identityColumns: [] });
    const [finding] = checkIdentityBeforeCreation('p', [table({}), bare], false);
    expect(finding).toMatchObject({ severity: 'error', code: 'REPLICA_IDENTITY' });
    expect(finding?.remedy).toContain('ALTER TABLE "public"."log ""x""" REPLICA IDENTITY FULL;');
    expect(finding?.remedy).toContain('CREATE PUBLICATION "p" FOR TABLE "public"."t";');
    expect(checkIdentityBeforeCreation('p', [bare], true)[0]?.severity).toBe('warning');
    expect(checkIdentityBeforeCreation('p', [table({ replicaIdentity: 'f', identityColumns: [] })], false)).toEqual([]);
  });

  it('names partitions that send keys only in the place of whole rows, and what mends it', () => {
    const keyOnlyPartitions = [
      { schema: 'a', table: 'p1' },
      { schema: 'a', table: 'p"2\n' },
    ];
    const [finding, ...rest] = checkIdentityOfPartitions([table({}), table({ keyOnlyPartitions })]);
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({ severity: 'warning', code: 'REPLICA_IDENTITY' });
    expect(finding?.remedy).toBe(
      String.raw`ALTER TABLE "a"."p1" REPLICA IDENTITY FULL;` +
        '\n' +
        String.raw`ALTER TABLE "a".U&"p""2\000a" REPLICA IDENTITY FULL;`,
    );
  });

  const all = { kind: 'all', columns: ['tenant'] } as const;
  const published = () => false;
  const inDoubt = () => true;

  it('wants the message key within the replica identity', () => {
    const has = table({ foundColumns: ['tenant'] });
    expect(checkMessageKey([has], all, published)).toMatchObject([{ severity: 'error', code: 'MESSAGE_KEY' }]);
    expect(checkMessageKey([has], all, inDoubt)).toMatchObject([{ severity: 'warning' }]);
    expect(checkMessageKey([{ ...has, replicaIdentity: 'f' }], all, published)).toEqual([]);
    expect(checkMessageKey([{ ...has, identityColumns: ['id', 'tenant'] }], all, published)).toEqual([]);
    expect(checkMessageKey([table({})], all, published)).toEqual([]);
  });

  it('wants the columns named for one table to exist', () => {
    const byTable = { kind: 'byTable', tables: new Map([['public.t', ['nope']]]) } as const;
    expect(checkMessageKey([table({})], byTable, inDoubt)).toMatchObject([
      { severity: 'error', message: expect.stringContaining('does not have') as unknown },
    ]);
    expect(checkMessageKey([table({ table: 'u' })], byTable, inDoubt)).toEqual([]);
  });
});

describe('mayBeLeftOut', () => {
  const actions = (name: string, ...listed: FilterAction[]) => new Map([[name, listed]]);
  const none = {
    filterTables: undefined,
    includeTables: new Map<string, FilterAction[]>(),
    exclude: { schemas: [], tables: [], columns: [] },
  };
  const exclude = (tables: readonly string[], schemas: readonly string[] = []) => ({
    exclude: { ...none.exclude, tables, schemas },
  });

  it.each([
    ['no filter', {}, false],
    ['its name is allowed', { filterTables: actions('t', 'insert') }, false],
    ['its name with the schema is allowed', { filterTables: actions('public.t', 'update') }, false],
    ['others are allowed', { filterTables: actions('u', 'insert') }, true],
    ['nothing of it is allowed', { filterTables: actions('t') }, true],
    ['a pattern may allow it', { filterTables: actions('/^public/', 'insert') }, true],
    ['others are excluded', exclude(['u'], ['internal']), false],
    ['it is excluded', exclude(['PUBLIC.T']), true],
    ['its schema is excluded', exclude([], ['Public']), true],
    ['a pattern may exclude it', exclude(['/x/']), true],
    ['some actions are included', { includeTables: actions('t', 'insert') }, false],
    ['others are included', { includeTables: actions('u') }, false],
    ['a pattern may include none of it', { includeTables: actions('/x/') }, true],
    [
      'what is allowed is not included',
      { filterTables: actions('t', 'update'), includeTables: actions('t', 'insert') },
      true,
    ],
  ] as const)('%s', (_, rules, expected) => {
    expect(mayBeLeftOut({ ...none, ...rules }, { schema: 'public', table: 't' })).toBe(expected);
  });
});
