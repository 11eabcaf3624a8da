import { describe, expect, it } from 'vitest';

import type { Publication } from './publication.js';
import type { Slot } from './slot.js';
import { planSlot, type SlotSituation } from './slot-plan.js';

const publication = (comment: string | null = null, name = 'p'): Publication => ({
  name,
  comment,
  isOwned: true,
  owner: 'postgres',
  needsIdentity: true,
});
const SLOT: Slot = {
  name: 's',
  plugin: 'pgoutput',
  isLogical: true,
  database: 'shop',
  isTemporary: false,
  isActive: false,
  activePid: undefined,
  confirmedFlushLsn: 0x100n,
  walStatus: 'reserved',
  safeWalBytes: undefined,
  walLimitBytes: undefined,
  invalidation: undefined,
  isFailover: false,
  retainedBytes: 0,
  lagBytes: 0,
};
const plan = (situation: Partial<SlotSituation>) =>
  planSlot({
    slotName: 's',
    publicationNames: ['p'],
    publications: [],
    slot: undefined,
    database: 'shop',
    createSlot: 'auto',
    onSlotLost: 'halt',
    ...situation,
  });
const codes = (situation: Partial<SlotSituation>): string[] => plan(situation).findings.map(({ code }) => code);
const MARKED = [publication('wal-listener slot=s')];

describe('planSlot', () => {
  it('makes publication and slot on the first start', () => {
    expect(plan({})).toMatchObject({ createPublication: 'p', createSlot: true, findings: [] });
  });

  it('makes only the slot when the publication exists without our mark', () => {
    const publications = [publication('wal-listener slot=another')];
    expect(plan({ publications })).toMatchObject({ createPublication: undefined, createSlot: true, findings: [] });
  });

  it('never makes a publication out of a list', () => {
    expect(codes({ publicationNames: ['p', 'q'], publications: [publication()] })).toEqual(['PUBLICATION_MISSING']);
    expect(codes({ publicationNames: ['p', 'q'] })).toEqual(['PUBLICATION_MISSING', 'PUBLICATION_MISSING']);
  });

  it('uses a slot that exists, as long as its publication does', () => {
    expect(plan({ slot: SLOT, publications: MARKED })).toMatchObject({ createSlot: false, findings: [] });
    expect(codes({ slot: SLOT })).toEqual(['PUBLICATION_MISSING']);
    expect(plan({ slot: SLOT })).toMatchObject({ createPublication: undefined, createSlot: false });
  });

  it('halts when a used slot is gone, and says how to start as if for the first time', () => {
    const lost = plan({ publications: [publication('shop wal-listener slot=s')] });
    expect(lost).toMatchObject({ createSlot: false });
    expect(lost.findings).toMatchObject([{ severity: 'error', code: 'SLOT_LOST' }]);
    expect(lost.findings[0]?.remedy).toContain(`COMMENT ON PUBLICATION "p" IS 'shop';`);
  });

  it('halts on an invalidated slot, naming the last position', () => {
    const slot = { ...SLOT, invalidation: 'wal_removed' };
    const lost = plan({ slot, publications: MARKED });
    expect(lost.findings[0]).toMatchObject({ code: 'SLOT_LOST', message: expect.stringContaining('0/100') as unknown });
  });

  it('makes a lost slot anew only when told to', () => {
    const onSlotLost = 'recreate';
    expect(plan({ publications: MARKED, onSlotLost })).toMatchObject({
      createSlot: true,
      dropSlot: false,
      gap: { from: undefined },
      findings: [],
    });
    const slot = { ...SLOT, invalidation: 'wal_removed' };
    expect(plan({ slot, publications: MARKED, onSlotLost })).toMatchObject({
      createSlot: true,
      dropSlot: true,
      gap: { from: 0x100n },
    });
    expect(codes({ publications: MARKED, onSlotLost, createSlot: 'never' })).toEqual(['SLOT_LOST']);
  });

  it('tells to make the slot before the consumers are synchronised, in the way that createSlot leaves', () => {
    const slot = { ...SLOT, invalidation: 'wal_removed' };
    const remedy = (createSlot: SlotSituation['createSlot']) =>
      plan({ slot, publications: MARKED, createSlot }).findings[0]?.remedy;
    expect(remedy('auto')).toMatch(
      /slot anew first, then synchronise .*recreate.*\nSELECT pg_drop_.*\nCOMMENT ON .*;$/,
    );
    expect(remedy('never')).toMatch(/slot anew first, then synchronise .*\nSELECT pg_drop_.*\nSELECT pg_create_.*;$/);
    expect(remedy('never')).not.toContain('recreate');
  });

  it('makes nothing when told never to', () => {
    expect(plan({ createSlot: 'never' })).toMatchObject({ createPublication: undefined, createSlot: false });
    expect(codes({ createSlot: 'never' })).toEqual(['PUBLICATION_MISSING', 'SLOT_MISSING']);
  });

  it.each([
    ['physical', { isLogical: false }],
    ['wal2json', { plugin: 'wal2json' }],
    ['database other', { database: 'other' }],
    ['temporary', { isTemporary: true }],
  ])('refuses a slot that is not ours: %s', (word, difference) => {
    const findings = plan({ slot: { ...SLOT, ...difference }, publications: MARKED }).findings;
    expect(findings).toMatchObject([{ code: 'SLOT_MISMATCH', message: expect.stringContaining(word) as unknown }]);
  });
});
