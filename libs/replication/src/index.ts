export type {
  ChangeSource,
  ChangeStream,
  FrameSink,
  KnownTable,
  SourceIdentity,
  ValveReason,
} from './change-source.js';
export type { Finding } from './finding.js';
export { PgChangeSource, type PgChangeSourceParts } from './pg-change-source.js';
export { quoteTable } from './quote.js';
export { ReplicationModule } from './replication.module.js';
export { runPreflight, type PreflightReport } from './run-preflight.js';
export { walSenderTimeoutMs } from './session-settings.js';
export { CHANGE_SOURCE } from './tokens.js';
