import { loadConfig, maskUserInfo, secretValues, type AppConfig, type LoadedConfig } from '#lib/config';
import { noMetrics, silentLogger, toAppError } from '#lib/kernel';
import { createRedactor } from '#lib/observability';
import { formatLsn } from '#lib/pgoutput';
import { createPublisherDriver, type BrokerFinding } from '#lib/publishing';
import { runPreflight, type PreflightReport } from '#lib/replication';
import { renderReport, reportWidth, type CheckReport } from '../check-report.js';
import { paintFor } from '../paint.js';
import { unmatchedNames } from '../unmatched-names.js';

/** A side that does not answer in this time counts as unreachable. */
const TIMEOUT_MS = 15_000;

/** What was seen of one side, as name and text, and what is wrong with it. */
type PartReport = Pick<CheckReport, 'seen' | 'findings'>;

/**
 * Looks at configuration, database and broker without changing anything and prints what it finds.
 * @returns 0 when nothing stands in the way of streaming, else 1
 * @throws AppError CONFIG_INVALID
 */
export async function check(configPath: string | undefined, json: boolean): Promise<number> {
  const loaded = loadConfig({ configPath, env: process.env, cwd: process.cwd() });
  const parts = [
    checkConfiguration(loaded),
    ...(await Promise.all([checkDatabase(loaded.config), checkBroker(loaded.config)])),
  ];
  const findings = parts.flatMap((part) => part.findings);
  const seen = parts.flatMap((part) => part.seen);
  const ok = findings.every(({ severity }) => severity !== 'error');
  const report = masked({ ok, seen, findings }, loaded.config);
  process.stdout.write(
    json
      ? `${JSON.stringify({ ...report, seen: Object.fromEntries(report.seen) }, undefined, 2)}\n`
      : renderReport(report, reportWidth(process.stdout), paintFor(process.stdout)),
  );
  return ok ? 0 : 1;
}

/** A server may repeat in its answer what it was sent. */
function masked({ ok, seen, findings }: CheckReport, config: AppConfig): CheckReport {
  const redact = createRedactor(secretValues(config));
  return {
    ok,
    findings: findings.map((finding) => ({
      ...finding,
      message: redact(finding.message),
      remedy: redact(finding.remedy),
    })),
    seen: seen.map(([name, text]) => [name, redact(text)]),
  };
}

function checkConfiguration({ file, warnings }: LoadedConfig): PartReport {
  return {
    seen: [['configuration', file === undefined ? 'environment only' : `${file} and environment`]],
    findings: warnings.map((message) => ({
      part: 'configuration',
      severity: 'warning',
      code: 'CONFIG_INVALID',
      message,
      remedy: 'Change the key if that is not what you want.',
    })),
  };
}

async function checkDatabase(config: AppConfig): Promise<PartReport> {
  const { findings, examined } = await runPreflight(config, silentLogger, AbortSignal.timeout(TIMEOUT_MS));
  return {
    seen: describeDatabase(config, examined),
    findings: [
      ...(examined === undefined ? [] : unmatchedNames(config, examined.tables)),
      ...findings.map((finding) => ({ part: 'database' as const, ...finding })),
    ],
  };
}

async function checkBroker(config: AppConfig): Promise<PartReport> {
  const findings = await askBroker(config);
  const answered = findings.every(({ severity }) => severity !== 'error');
  return {
    seen: [['broker', describeBroker(config, answered)]],
    findings: findings.map(({ severity, code, message, remedy }) => ({
      part: 'broker',
      severity,
      code,
      message,
      remedy,
    })),
  };
}

/** A broker that cannot be asked is a finding too. */
async function askBroker(config: AppConfig): Promise<readonly BrokerFinding[]> {
  try {
    const driver = await createPublisherDriver(config, { logger: silentLogger, metrics: noMetrics });
    return await driver.check(AbortSignal.timeout(TIMEOUT_MS));
  } catch (thrown) {
    const { code, message, remedy } = toAppError(thrown);
    return [{ severity: 'error', code, message, remedy }];
  }
}

function describeDatabase(config: AppConfig, examined: PreflightReport['examined']): CheckReport['seen'] {
  const { hosts, port, name, user } = config.database;
  const where = (host: string) => `${host}:${String(port)}, database ${name}, user ${user}`;
  if (examined === undefined) return [['database', `PostgreSQL at ${where(hosts.join(','))}: see below`]];
  const { facts, host, tables } = examined;
  return [
    ['database', `PostgreSQL ${versionText(facts.version)} at ${where(host)}`],
    ['slot', describeSlot(config.listener.slotName, examined)],
    ['publication', config.listener.publication.map((each) => describePublication(each, examined)).join('; ')],
    ['tables', `${String(tables.length)} in the publication, before filters`],
  ];
}

/** 180004 is 18.4. */
function versionText(version: number): string {
  return `${String(Math.trunc(version / 10_000))}.${String(version % 10_000)}`;
}

type Examined = NonNullable<PreflightReport['examined']>;

function describeSlot(name: string, { slot, plan }: Examined): string {
  if (slot === undefined)
    return `${name}: does not exist${plan.createSlot ? '; the start of the service makes it' : ''}`;
  const { isActive, activePid, confirmedFlushLsn, walStatus, retainedBytes } = slot;
  const use = isActive ? `in use by process ${String(activePid)}` : 'not in use';
  const confirmed = confirmedFlushLsn === undefined ? '' : `, confirmed ${formatLsn(confirmedFlushLsn)}`;
  const retained = Math.ceil(retainedBytes / 1024 / 1024);
  return `${name}: ${use}${confirmed}, keeps ${String(retained)} MB of WAL (${walStatus})`;
}

function describePublication(name: string, { publications, plan }: Examined): string {
  if (publications.some((publication) => publication.name === name)) return `${name}: exists`;
  const made = plan.createPublication === name ? '; the start of the service makes it, for all tables' : '';
  return `${name}: does not exist${made}`;
}

function describeBroker({ publisher }: AppConfig, answered: boolean): string {
  const { type, addresses, topic, pubSubProjectID } = publisher;
  if (type === 'stdout') return 'standard output';
  const project = pubSubProjectID === undefined ? '' : `, project ${pubSubProjectID}`;
  const name = topic === '' ? '' : `, topic ${topic}`;
  const at = addresses.length === 0 ? '' : ` at ${addresses.map(maskUserInfo).join(', ')}`;
  return `${type}${at}${project}${name}: ${answered ? 'answered' : 'see below'}`;
}
