import { AppError } from '#lib/kernel';
import { relationOf } from '#lib/pgoutput/testing';
import { describe, expect, it } from 'vitest';
import { chooseKeyColumns } from './key-columns.js';

const relation = (replicaIdentity: 'd' | 'n' | 'f' | 'i', flagged: boolean) => {
  const key = flagged ? (['key'] as const) : ([] as const);
  return relationOf(
    [
      ['id', 23, ...key],
      ['part', 23, ...key],
      ['note', 25],
    ],
    { replicaIdentity },
  );
};

describe('key columns', () => {
  it('are the configured ones before all others, in their order', () => {
    const configured = ['part', 'id'];
    expect(chooseKeyColumns(relation('f', true), { configured, primaryKey: ['id'] })).toEqual(configured);
  });

  it.each(['d', 'i'] as const)('are those of the replica identity %s, whatever the primary key', (identity) => {
    expect(chooseKeyColumns(relation(identity, true), { primaryKey: ['note'] })).toEqual(['id', 'part']);
    expect(chooseKeyColumns(relation(identity, false), { primaryKey: ['note'] })).toEqual([]);
  });

  it.each(['f', 'n'] as const)('are the primary key with identity %s', (identity) => {
    expect(chooseKeyColumns(relation(identity, identity === 'f'), { primaryKey: ['part', 'id'] })).toEqual([
      'part',
      'id',
    ]);
    expect(chooseKeyColumns(relation(identity, identity === 'f'), {})).toEqual([]);
    expect(chooseKeyColumns(relation(identity, false), { configured: [], primaryKey: ['id'] })).toEqual(['id']);
  });

  it('are none when a column list leaves a part of the primary key out', () => {
    expect(chooseKeyColumns(relation('f', true), { primaryKey: ['id', 'hidden'] })).toEqual([]);
  });

  it('refuses a configured column that the relation lacks', () => {
    const choose = () => chooseKeyColumns(relation('d', true), { configured: ['nope', 'id', 'nor this'] });
    expect(choose).toThrow(AppError);
    expect(choose).toThrow(
      expect.objectContaining({
        code: 'MESSAGE_KEY',
        message: 'public.things has no column nope, nor this',
        facts: { schema: 'public', table: 'things' },
      }),
    );
  });
});
