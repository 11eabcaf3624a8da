import type { ConnectionOptions } from 'node:tls';

import type { AppConfig } from '#lib/config';
import { AppError, toAppError, type Clock, type Logger, type SlotReading } from '#lib/kernel';

import { publishedTables } from './catalog.js';
import type { ChangeSource, ChangeStream } from './change-source.js';
import { tlsOptions } from './client-config.js';
import { connectControl } from './connect-control.js';
import type { ControlConnection } from './control-connection.js';
import { diagnose } from './diagnose.js';
import { assertNoErrors, type Finding } from './finding.js';
import { examine, type Preflight } from './preflight.js';
import { prepareSlot } from './prepare-slot.js';
import { ReplicationSession } from './replication-session.js';
import { ReplicationStream } from './replication-stream.js';
import { readSlot, slotReading } from './slot.js';
import { walSenderTimeoutMs } from './session-settings.js';

/** The option `origin` of pgoutput. */
const ORIGIN_SINCE = 160000;

export interface PgChangeSourceParts {
  readonly config: AppConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The least wal_sender_timeout asked for; tests shorten it. */
  readonly minWalSenderTimeoutMs?: number;
}

/** How long after a stop a query may take to end by itself, above all the making of a slot, which is cancelled politely. */
const ABORT_GRACE_MS = 1_000;

/** Opens streams on PostgreSQL: preflight, publication and slot, session, START_REPLICATION. */
export class PgChangeSource implements ChangeSource {
  private readonly warned = new Set<string>();
  private readonly walSenderTimeoutMs: number;

  constructor(private readonly parts: PgChangeSourceParts) {
    const { heartbeatIntervalMs } = parts.config.listener;
    this.walSenderTimeoutMs = walSenderTimeoutMs(heartbeatIntervalMs, parts.minWalSenderTimeoutMs);
  }

  async open(signal: AbortSignal): Promise<ChangeStream> {
    const { config, logger } = this.parts;
    const ssl = await tlsOptions(config.database);
    const control = await connectControl(config.database, ssl, logger, signal);
    // A stop need not wait for a server that does not answer.
    let cancelCut = () => {};
    const onAbort = () => {
      cancelCut = this.parts.clock.after(ABORT_GRACE_MS, () => control.destroy());
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const preflight = await examine(control, config);
      this.warn(preflight.findings);
      assertNoErrors(preflight.findings, config.listener.slotName);
      if (preflight.slot?.isActive === true && !preflight.plan.dropSlot) throw this.inUse(preflight.slot.activePid);
      return await this.stream(control, ssl, preflight, signal);
    } catch (error) {
      await control.close();
      throw toAppError(error);
    } finally {
      signal.removeEventListener('abort', onAbort);
      cancelCut();
    }
  }

  async readSlot(signal: AbortSignal): Promise<SlotReading | undefined> {
    const { config, logger } = this.parts;
    const control = await connectControl(config.database, await tlsOptions(config.database), logger, signal);
    const cut = () => control.destroy();
    signal.addEventListener('abort', cut, { once: true });
    try {
      const slot = await readSlot(control, config.listener.slotName);
      return slot === undefined ? undefined : slotReading(slot);
    } finally {
      signal.removeEventListener('abort', cut);
      await control.close();
    }
  }

  private async stream(
    control: ControlConnection,
    ssl: false | ConnectionOptions,
    preflight: Preflight,
    signal: AbortSignal,
  ): Promise<ChangeStream> {
    const { config, clock, logger } = this.parts;
    const { slotName, publication, failoverSlot, heartbeatIntervalMs, dropForeignOrigin } = config.listener;
    const { facts, plan } = preflight;
    const objects = { slot: slotName, publications: publication };
    const names = { ...objects, failover: failoverSlot && facts.version >= 170000 };
    const confirmedAtStart = await prepareSlot(control, preflight, names, logger, signal);
    const tables =
      plan.createPublication === undefined ? preflight.tables : await publishedTables(control, publication);
    const knownTables = tables.map(({ oid, schema, table, primaryKey }) => ({ oid, schema, table, primaryKey }));
    const timeout = this.walSenderTimeoutMs;
    const stream = new ReplicationStream({
      objects,
      control,
      walSenderTimeoutMs: timeout,
      heartbeatIntervalMs,
      clock,
      logger,
    });
    const session = new ReplicationSession({
      database: config.database,
      host: control.host,
      ssl,
      walSenderTimeoutMs: timeout,
      events: stream,
      notice: (notice) => stream.notice(notice),
    });
    const { over } = await this.startSession(
      session,
      stream,
      control,
      dropForeignOrigin && facts.version >= ORIGIN_SINCE,
      signal,
    );
    const { systemIdentifier } = session;
    const { databaseOid, version: serverVersion } = facts;
    const identity = { systemIdentifier, databaseOid, publications: publication, serverVersion };
    stream.adopt({ identity, knownTables, knownAtLsn: preflight.tablesAtLsn, confirmedAtStart }, over);
    return stream;
  }

  private async startSession(
    session: ReplicationSession,
    stream: ReplicationStream,
    control: ControlConnection,
    originNone: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly over: Promise<void> }> {
    const { slotName: slot, publication: publications } = this.parts.config.listener;
    const onAbort = () => session.connection.destroy();
    if (signal.aborted) throw new AppError('PG_CONNECTION_LOST', 'Stopped while connecting');
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await session.start({ slot, publications, originNone }, () => stream.begin(session));
    } catch (error) {
      throw await diagnose(toAppError(error), control, { slot, publications }, false);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  private inUse(pid: number | undefined): AppError {
    const { slotName } = this.parts.config.listener;
    const facts = { slot: slotName, sqlstate: '55006', pid };
    return new AppError('SLOT_IN_USE', `Slot ${slotName} is in use by process ${pid ?? 'unknown'}`, { facts });
  }

  /** Once each: every reconnect would repeat them. */
  private warn(findings: readonly Finding[]): void {
    for (const { severity, code, message, remedy } of findings) {
      if (severity !== 'warning' || this.warned.has(message)) continue;
      this.warned.add(message);
      this.parts.logger.warn(message, { code, remedy });
    }
  }
}
