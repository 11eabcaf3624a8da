import type { AppConfig } from '#lib/config';
import { toAppError, type Logger } from '#lib/kernel';

import { tlsOptions } from './client-config.js';
import { connectControl } from './connect-control.js';
import { findingOf, type Finding } from './finding.js';
import { examine, type Preflight } from './preflight.js';
import { ReplicationSession } from './replication-session.js';
import { walSenderTimeoutMs } from './session-settings.js';

/** What was found, and what was looked at. */
export interface PreflightReport {
  readonly findings: readonly Finding[];
  /** Undefined = the database could not be asked. */
  readonly examined: (Preflight & { readonly host: string }) | undefined;
}

/**
 * Everything that stands in the way of streaming, or that a person should know, at once; changes nothing. A database that
 * cannot be reached is a finding too. Opens a replication connection for a moment to see whether it keeps its settings.
 */
export async function runPreflight(config: AppConfig, logger: Logger, signal: AbortSignal): Promise<PreflightReport> {
  const findings: Finding[] = [];
  let examined: PreflightReport['examined'];
  try {
    const ssl = await tlsOptions(config.database);
    const control = await connectControl(config.database, ssl, logger, signal);
    try {
      examined = { ...(await examine(control, config)), host: control.host };
      findings.push(...examined.findings);
      if (!examined.facts.canReplicate) return { findings, examined };
    } finally {
      await control.close();
    }
    const session = new ReplicationSession({
      database: config.database,
      host: control.host,
      ssl,
      walSenderTimeoutMs: walSenderTimeoutMs(config.listener.heartbeatIntervalMs),
      events: { copyData: () => undefined, gulp: () => undefined, broken: () => undefined },
      notice: () => undefined,
    });
    await session.probe();
  } catch (error) {
    findings.push(findingOf(toAppError(error)));
  }
  return { findings, examined };
}
