import type { PublisherConfig } from '#lib/config';

import type { CatalogTable } from '../catalog.js';
import type { Finding } from '../finding.js';
import { quoteIdentifier, quoteTable } from '../quote.js';

/** A table whose UPDATE and DELETE PostgreSQL refuses once they are published. */
function lacksIdentity(table: CatalogTable): boolean {
  return table.replicaIdentity !== 'f' && table.identityColumns.length === 0;
}

/**
 * Tables without replica identity before a publication FOR ALL TABLES is made: that would break their UPDATE and DELETE.
 * Pure.
 */
export function checkIdentityBeforeCreation(
  publication: string,
  tables: readonly CatalogTable[],
  isAllowed: boolean,
): readonly Finding[] {
  const lacking = tables.filter(lacksIdentity);
  if (lacking.length === 0) return [];
  const names = lacking.map(({ schema, table }) => quoteTable(schema, table));
  const message = `A publication of all tables makes UPDATE and DELETE fail on tables without replica identity: ${names.join(', ')}`;
  const alter = names.map((name) => `ALTER TABLE ${name} REPLICA IDENTITY FULL;`);
  const fit = tables.filter((table) => !lacksIdentity(table)).map(({ schema, table }) => quoteTable(schema, table));
  const only = `CREATE PUBLICATION ${quoteIdentifier(publication)} FOR TABLE ${fit.join(', ')};`;
  const either = ['Give them a primary key, or:', ...alter].join('\n');
  const remedy = fit.length === 0 ? either : `${either}\nOr publish the other tables only:\n${only}`;
  return [{ severity: isAllowed ? 'warning' : 'error', code: 'REPLICA_IDENTITY', message, remedy }];
}

/** Tables without replica identity in publications that exist: their user has chosen so, or has not noticed. Pure. */
export function checkIdentityOfPublished(tables: readonly CatalogTable[]): readonly Finding[] {
  const lacking = tables.filter(lacksIdentity).map(({ schema, table }) => quoteTable(schema, table));
  if (lacking.length === 0) return [];
  return [
    {
      severity: 'warning',
      code: 'REPLICA_IDENTITY',
      message: `PostgreSQL refuses UPDATE and DELETE on published tables without replica identity: ${lacking.join(', ')}`,
      remedy: lacking.map((name) => `ALTER TABLE ${name} REPLICA IDENTITY FULL;`).join('\n'),
    },
  ];
}

/**
 * Tables published FULL in the place of partitions that are not: the server sends a partition's key as if it were the
 * whole old row, with NULL in every other column, and nothing in the stream tells. Pure.
 */
export function checkIdentityOfPartitions(tables: readonly CatalogTable[]): readonly Finding[] {
  return tables.flatMap(({ schema, table, keyOnlyPartitions }): readonly Finding[] => {
    if (keyOnlyPartitions.length === 0) return [];
    const names = keyOnlyPartitions.map((partition) => quoteTable(partition.schema, partition.table));
    const message =
      `${quoteTable(schema, table)} has REPLICA IDENTITY FULL and its partitions ${names.join(', ')} have not: ` +
      'dataOld of their events shows null in every column that is no key';
    const remedy = names.map((name) => `ALTER TABLE ${name} REPLICA IDENTITY FULL;`).join('\n');
    return [{ severity: 'warning', code: 'REPLICA_IDENTITY', message, remedy }];
  });
}

type MessageKeyFrom = PublisherConfig['messageKeyFrom'];

/** Every column that messageKeyFrom names, for looking them up in the catalog. */
export function messageKeyColumns(messageKeyFrom: MessageKeyFrom): readonly string[] {
  if (messageKeyFrom === undefined) return [];
  if (messageKeyFrom.kind === 'all') return messageKeyFrom.columns;
  return [...new Set([...messageKeyFrom.tables.values()].flat())];
}

function keyOf(table: CatalogTable, messageKeyFrom: NonNullable<MessageKeyFrom>): readonly string[] {
  if (messageKeyFrom.kind === 'byTable') {
    const { tables } = messageKeyFrom;
    return tables.get(`${table.schema}.${table.table}`) ?? tables.get(table.table) ?? [];
  }
  // One name for all tables cannot fit all of them: a table without the column keeps its own key.
  const fits = messageKeyFrom.columns.every((column) => table.foundColumns.includes(column));
  return fits ? messageKeyFrom.columns : [];
}

/**
 * messageKeyFrom against the replica identities: DELETE and an UPDATE of other columns carry only those.
 * @param isInDoubt whether a table may be left out, so that a fault need not matter
 */
export function checkMessageKey(
  tables: readonly CatalogTable[],
  messageKeyFrom: MessageKeyFrom,
  isInDoubt: (table: CatalogTable) => boolean,
): readonly Finding[] {
  if (messageKeyFrom === undefined) return [];
  return tables.flatMap((table): Finding[] => {
    const key = keyOf(table, messageKeyFrom);
    const name = quoteTable(table.schema, table.table);
    const unknown = key.filter((column) => !table.foundColumns.includes(column));
    const unsent = key.filter((column) => !unknown.includes(column) && !isSent(table, column));
    const severity = messageKeyFrom.kind === 'all' && isInDoubt(table) ? 'warning' : 'error';
    const findings: Finding[] = [];
    if (unknown.length > 0) {
      const message = `publisher.messageKeyFrom names ${unknown.join(', ')}, which ${name} does not have`;
      findings.push({ severity, code: 'MESSAGE_KEY', message, remedy: 'Correct publisher.messageKeyFrom.' });
    }
    if (unsent.length > 0) {
      const message = `publisher.messageKeyFrom names ${unsent.join(', ')}, which the replica identity of ${name} does not hold`;
      const remedy = `ALTER TABLE ${name} REPLICA IDENTITY FULL;\nOr REPLICA IDENTITY USING INDEX, with a unique index that has these columns.`;
      findings.push({ severity, code: 'MESSAGE_KEY', message, remedy });
    }
    return findings;
  });
}

function isSent(table: CatalogTable, column: string): boolean {
  // Under NOTHING no UPDATE or DELETE can come, and an INSERT carries every column.
  return table.replicaIdentity === 'f' || table.replicaIdentity === 'n' || table.identityColumns.includes(column);
}
