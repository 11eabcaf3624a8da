import { loadConfig, type AppConfig } from '#lib/config';
import { noMetrics, silentLogger, toAppError, type ErrorCode } from '#lib/kernel';
import { createPublisherDriver } from '#lib/publishing';
import { runPreflight } from '#lib/replication';

/** One thing that was found, wherever. */
interface CheckFinding {
  readonly part: 'configuration' | 'database' | 'broker';
  readonly severity: 'error' | 'warning';
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string;
}

/** A side that does not answer in this time counts as unreachable. */
const TIMEOUT_MS = 15_000;

/**
 * Looks at configuration, database and broker without changing anything and prints what it finds.
 * @returns 0 when nothing stands in the way of streaming, else 1
 * @throws AppError CONFIG_INVALID
 */
export async function check(configPath: string | undefined, json: boolean): Promise<number> {
  const { config, warnings } = loadConfig({ configPath, env: process.env, cwd: process.cwd() });
  const findings: CheckFinding[] = warnings.map((message) => ({
    part: 'configuration',
    severity: 'warning',
    code: 'CONFIG_INVALID',
    message,
    remedy: 'Change the key if that is not what you want.',
  }));
  const [database, broker] = await Promise.all([checkDatabase(config), checkBroker(config)]);
  findings.push(...database, ...broker);
  const ok = findings.every(({ severity }) => severity !== 'error');
  process.stdout.write(json ? `${JSON.stringify({ ok, findings }, undefined, 2)}\n` : describe(findings, ok));
  return ok ? 0 : 1;
}

async function checkDatabase(config: AppConfig): Promise<CheckFinding[]> {
  const findings = await runPreflight(config, silentLogger, AbortSignal.timeout(TIMEOUT_MS));
  return findings.map((finding) => ({ part: 'database', ...finding }));
}

async function checkBroker(config: AppConfig): Promise<CheckFinding[]> {
  try {
    const driver = await createPublisherDriver(config, { logger: silentLogger, metrics: noMetrics });
    const findings = await driver.check(AbortSignal.timeout(TIMEOUT_MS));
    return findings.map((finding) => ({ part: 'broker', ...finding }));
  } catch (thrown) {
    const { code, message, remedy } = toAppError(thrown);
    return [{ part: 'broker', severity: 'error', code, message, remedy }];
  }
}

function describe(findings: readonly CheckFinding[], ok: boolean): string {
  const lines = findings.map(({ part, severity, code, message, remedy }) => {
    const indented = remedy.split('\n').join('\n           ');
    return `${severity.toUpperCase().padEnd(7)}  ${part}: ${code}: ${message}\n  remedy:  ${indented}\n`;
  });
  lines.push(ok ? 'Ready to stream.\n' : 'Not ready to stream.\n');
  return lines.join('\n');
}
