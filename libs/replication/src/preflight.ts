import type { AppConfig } from '#lib/config';

import { allTables, endOfWal, publishedTables, type CatalogTable } from './catalog.js';
import { checkServer } from './checks/check-server.js';
import { checkSlot } from './checks/check-slot.js';
import {
  checkIdentityBeforeCreation,
  checkIdentityOfPartitions,
  checkIdentityOfPublished,
  checkMessageKey,
  messageKeyColumns,
} from './checks/check-tables.js';
import { mayBeLeftOut } from './checks/may-be-left-out.js';
import { APPLICATION_NAME } from './client-config.js';
import type { ControlConnection } from './control-connection.js';
import type { Finding } from './finding.js';
import { readPublications, type Publication } from './publication.js';
import { readServerFacts, type ServerFacts } from './server-facts.js';
import { readSlot, type Slot } from './slot.js';
import { planSlot, type SlotPlan } from './slot-plan.js';

/** What was found before streaming, what will be done, and what stands in the way. */
export interface Preflight {
  readonly facts: ServerFacts;
  readonly slot: Slot | undefined;
  readonly publications: readonly Publication[];
  /** The tables that will be published. */
  readonly tables: readonly CatalogTable[];
  /** The end of the WAL just before they were read. */
  readonly tablesAtLsn: bigint;
  readonly plan: SlotPlan;
  readonly findings: readonly Finding[];
}

function checkOwnership(publications: readonly Publication[], config: AppConfig): readonly Finding[] {
  if (config.listener.createSlot === 'never') return [];
  return publications
    .filter(({ isOwned }) => !isOwned)
    .map(({ name, owner }) => ({
      severity: 'warning',
      code: 'SLOT_LOST',
      message:
        `Publication ${name} belongs to ${owner}, so this user cannot leave the mark of a used slot in its comment: ` +
        'a lost slot could not be told from a first start',
      remedy: 'Once the slot exists, set listener.createSlot: never.',
    }));
}

function checkTables(preflight: Omit<Preflight, 'findings'>, config: AppConfig): readonly Finding[] {
  const { plan, tables, publications } = preflight;
  const identity =
    plan.createPublication === undefined
      ? checkIdentityOfPublished(publications.some(({ needsIdentity }) => needsIdentity) ? tables : [])
      : checkIdentityBeforeCreation(plan.createPublication, tables, config.listener.allowMissingReplicaIdentity);
  const isInDoubt = (table: CatalogTable) => mayBeLeftOut(config.listener, table);
  const partitions = checkIdentityOfPartitions(tables);
  return [...identity, ...partitions, ...checkMessageKey(tables, config.publisher.messageKeyFrom, isInDoubt)];
}

/** Looks at server, user, slot, publications and tables, and changes nothing. @throws AppError when a query fails */
export async function examine(control: ControlConnection, config: AppConfig): Promise<Preflight> {
  const { slotName, publication: publicationNames, createSlot, onSlotLost, failoverSlot } = config.listener;
  const facts = await readServerFacts(control);
  const slot = await readSlot(control, slotName);
  const publications = await readPublications(control, publicationNames);
  const plan = planSlot({
    slotName,
    publicationNames,
    publications,
    slot,
    database: facts.database,
    createSlot,
    onSlotLost,
  });
  const keyColumns = messageKeyColumns(config.publisher.messageKeyFrom);
  const tablesAtLsn = await endOfWal(control);
  const tables =
    plan.createPublication === undefined
      ? await publishedTables(control, publicationNames, keyColumns)
      : await allTables(control, keyColumns);
  const found = { facts, slot, publications, tables, tablesAtLsn, plan };
  const findings = [
    ...checkServer(facts, plan, APPLICATION_NAME),
    ...plan.findings,
    ...checkOwnership(publications, config),
    ...checkSlot(facts, plan.dropSlot ? undefined : slot, failoverSlot),
    ...checkTables(found, config),
  ];
  return { ...found, findings };
}
