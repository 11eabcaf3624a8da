import type { AppConfig, ListenerConfig, TableActions } from '../app-config.js';
import type { Findings } from '../config-fault.js';
import { printableKey } from '../input/input-node.js';
import type { BoundConfig } from '../schema/bind.js';
import { resolveDatabase } from './resolve-database.js';
import { resolvePublisher } from './resolve-publisher.js';

/** Checks what options mean together and gives the configuration its final shape. */
export function resolveConfig(bound: BoundConfig, findings: Findings): AppConfig {
  const { schema } = bound;
  const { sentryDSN, promAddr, maxLabelValues } = schema.monitoring;
  checkSentryDsn(bound);
  checkPorts(bound);
  return {
    listener: resolveListener(bound, findings),
    database: resolveDatabase(bound, findings),
    publisher: resolvePublisher(bound, findings),
    logger: { level: schema.logger.level, fmt: schema.logger.fmt },
    monitoring: { sentryDSN, promAddr, maxLabelValues },
    tags: schema.tags === undefined || schema.tags.size === 0 ? undefined : schema.tags,
    shutdownTimeoutMs: schema.shutdownTimeout,
    heapSnapshotDir: schema.heapSnapshotDir,
  };
}

function resolveListener(bound: BoundConfig, findings: Findings): ListenerConfig {
  const { listener } = bound.schema;
  const { schemas, tables, columns } = listener.exclude;
  if (listener.filter.tables !== undefined) {
    findings.warn(`listener.filter.tables is set: only this is published: ${describeFilter(listener.filter.tables)}`);
  }
  return {
    slotName: listener.slotName,
    publication: listener.publication,
    serverPort: listener.serverPort === 0 ? undefined : listener.serverPort,
    refreshConnectionMs: listener.refreshConnection,
    heartbeatIntervalMs: listener.heartbeatInterval,
    ackTimeoutMs: listener.ackTimeout,
    filterTables: listener.filter.tables,
    includeTables: listener.include.tables,
    exclude: { schemas, tables, columns },
    topicsMap: listener.topicsMap,
    skipTransactionBuffering: listener.skipTransactionBuffering,
    dropForeignOrigin: listener.dropForeignOrigin,
    maxTransactionSize: listener.maxTransactionSize,
    maxPauseMs: listener.maxPause,
    onSlotLost: listener.onSlotLost,
    createSlot: listener.createSlot,
    failoverSlot: listener.failoverSlot,
    allowMissingReplicaIdentity: listener.allowMissingReplicaIdentity,
  };
}

/** For example `users (insert, update); orders (delete)`. */
function describeFilter(tables: TableActions): string {
  const parts = [...tables].map(([table, actions]) => {
    return `${printableKey(table)} (${actions.length === 0 ? 'nothing' : actions.join(', ')})`;
  });
  return parts.length === 0 ? 'nothing at all' : parts.join('; ');
}

function checkPorts(bound: BoundConfig): void {
  const { listener, monitoring } = bound.schema;
  if (bound.isBroken('listener.serverPort') || bound.isBroken('monitoring.promAddr')) return;
  if (monitoring.promAddr === undefined || monitoring.promAddr.port !== listener.serverPort) return;
  bound.refuse('monitoring.promAddr', 'another port than listener.serverPort: probes and metrics have one each');
}

function checkSentryDsn(bound: BoundConfig): void {
  const { sentryDSN } = bound.schema.monitoring;
  if (sentryDSN === undefined || bound.isBroken('monitoring.sentryDSN')) return;
  const url = URL.canParse(sentryDSN) ? new URL(sentryDSN) : undefined;
  const sound =
    url !== undefined && /^https?:$/.test(url.protocol) && url.username !== '' && /\/\d+$/.test(url.pathname);
  if (!sound) bound.refuse('monitoring.sentryDSN', 'a DSN such as https://key@host/1, or empty for off');
}
