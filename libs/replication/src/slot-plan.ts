import { formatLsn } from '#lib/pgoutput';

import type { Finding } from './finding.js';
import { markedSlots, withoutMark } from './mark.js';
import { commentSql, createPublicationSql, type Publication } from './publication.js';
import type { Slot } from './slot.js';

/** What the rules for slot and publication are applied to. */
export interface SlotSituation {
  readonly slotName: string;
  /** The configured publications, in order. */
  readonly publicationNames: readonly string[];
  /** Those of them that exist. */
  readonly publications: readonly Publication[];
  readonly slot: Slot | undefined;
  readonly database: string;
  readonly createSlot: 'auto' | 'never';
  readonly onSlotLost: 'halt' | 'recreate';
}

/** What is to be done before streaming, in this order. */
export interface SlotPlan {
  /** The publication to make FOR ALL TABLES; only together with a new slot. */
  readonly createPublication: string | undefined;
  /** An invalidated slot that makes room for the new one. */
  readonly dropSlot: boolean;
  readonly createSlot: boolean;
  /** Set when a new slot takes the place of a lost one: the last position known, if any. */
  readonly gap: { readonly from: bigint | undefined } | undefined;
  readonly findings: readonly Finding[];
}

const error = (code: Finding['code'], message: string, remedy: string): Finding => ({
  severity: 'error',
  code,
  message,
  remedy,
});

/** A slot of this name that is not ours to use. */
function mismatch(slot: Slot, database: string): Finding | undefined {
  const remedy = `Use another listener.slotName, or drop the slot when nobody needs it:\nSELECT pg_drop_replication_slot('${slot.name}');`;
  const fault = (text: string) => error('SLOT_MISMATCH', `Slot ${slot.name} ${text}`, remedy);
  if (!slot.isLogical) return fault('is a physical slot');
  if (slot.plugin !== 'pgoutput') return fault(`uses plugin ${slot.plugin ?? 'unknown'} instead of pgoutput`);
  if (slot.database !== database) return fault(`belongs to database ${slot.database ?? 'unknown'}, not ${database}`);
  if (slot.isTemporary) return fault('is temporary and would vanish with its session');
  return undefined;
}

function missingPublications(situation: SlotSituation): readonly Finding[] {
  const found = new Set(situation.publications.map(({ name }) => name));
  return situation.publicationNames
    .filter((name) => !found.has(name))
    .map((name) => {
      const message =
        situation.slot === undefined
          ? `Publication ${name} does not exist`
          : `Slot ${situation.slotName} exists but publication ${name} does not: what was written before a new ` +
            'publication exists cannot be decoded with it';
      const remedy =
        situation.slot === undefined
          ? `${createPublicationSql(name)};`
          : 'Drop the slot, start anew, and only then recover the changes since ' +
            `${formatLsn(situation.slot.confirmedFlushLsn ?? 0n)} by other means:\nSELECT pg_drop_replication_slot('${situation.slotName}');`;
      return error('PUBLICATION_MISSING', message, remedy);
    });
}

const NOTHING_TO_DO: SlotPlan = {
  createPublication: undefined,
  dropSlot: false,
  createSlot: false,
  gap: undefined,
  findings: [],
};

function planForLostSlot(situation: SlotSituation, reason: string): SlotPlan {
  const { slotName, slot, onSlotLost } = situation;
  const from = slot?.confirmedFlushLsn;
  if (onSlotLost === 'recreate' && situation.createSlot === 'auto') {
    const findings = missingPublications(situation);
    return { createPublication: undefined, dropSlot: slot !== undefined, createSlot: true, gap: { from }, findings };
  }
  const since = from === undefined ? '' : ` after ${formatLsn(from)}`;
  return {
    ...NOTHING_TO_DO,
    findings: [
      error(
        'SLOT_LOST',
        `Slot ${slotName} ${reason}: changes${since} that were not yet published cannot be read any more`,
        lostSlotRemedy(situation),
      ),
    ],
  };
}

/** The slot comes before the copy of the tables: what is written between the two would be in neither. */
function lostSlotRemedy({ slotName, slot, publications, createSlot }: SlotSituation): string {
  const drop = slot === undefined ? [] : [`SELECT pg_drop_replication_slot('${slotName}');`];
  const after = 'then synchronise the consumers anew (docs/operations.md)';
  if (createSlot === 'never') {
    const create = `SELECT pg_create_logical_replication_slot('${slotName}', 'pgoutput');`;
    return [`Make the slot anew first, ${after}:`, ...drop, create].join('\n');
  }
  const unmark = publications
    .filter(({ comment }) => markedSlots(comment).includes(slotName))
    .map(({ name, comment }) => `${commentSql(name, withoutMark(comment, slotName))};`);
  const start = 'start once with listener.onSlotLost: recreate, or as if for the first time after the statements here';
  return [`Make the slot anew first, ${after}: ${start}.`, ...drop, ...unmark].join('\n');
}

function planForNewSlot(situation: SlotSituation): SlotPlan {
  const { slotName, publicationNames, publications } = situation;
  if (situation.createSlot === 'never') {
    const sql = `SELECT pg_create_logical_replication_slot('${slotName}', 'pgoutput');`;
    const missing = error('SLOT_MISSING', `Slot ${slotName} does not exist and listener.createSlot is never`, sql);
    // In the order in which they are to be made: a slot that is older than the publication cannot be decoded with it.
    return { ...NOTHING_TO_DO, findings: [...missingPublications(situation), missing] };
  }
  const [name, ...others] = publicationNames;
  // Of a list only the user knows which publication should hold what.
  if (name === undefined || others.length > 0 || publications.length > 0) {
    return { ...NOTHING_TO_DO, createSlot: true, findings: missingPublications(situation) };
  }
  return { ...NOTHING_TO_DO, createPublication: name, createSlot: true };
}

/**
 * The rules for slot and publication, pure. A slot that was used before, which a mark in the publication's comment
 * remembers, is never made anew in silence: that would skip everything between the two.
 */
export function planSlot(situation: SlotSituation): SlotPlan {
  const { slot, slotName, publications } = situation;
  if (slot === undefined) {
    const wasUsed = publications.some(({ comment }) => markedSlots(comment).includes(slotName));
    return wasUsed ? planForLostSlot(situation, 'was used before and is gone') : planForNewSlot(situation);
  }
  const fault = mismatch(slot, situation.database);
  if (fault !== undefined) return { ...NOTHING_TO_DO, findings: [fault] };
  if (slot.invalidation !== undefined) return planForLostSlot(situation, `was invalidated (${slot.invalidation})`);
  return { ...NOTHING_TO_DO, findings: missingPublications(situation) };
}
