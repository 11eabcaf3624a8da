import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { installedBinDir } from './postgres.js';
import { rabbitmqScripts } from './rabbitmq-programs.js';

/** A program of the tests that comes from Debian. */
export interface Requirement {
  readonly package: string;
  /**
   * The variable whose address can stand in, for the tests that leave the server alone. Absent where the tests that
   * need the program are skipped, by name, without it.
   */
  readonly variable?: string;
  readonly found: () => boolean;
}

const REQUIREMENTS: readonly Requirement[] = [
  {
    package: 'postgresql-15',
    variable: 'TEST_POSTGRES_15_URL',
    found: () => installedBinDir(15) !== undefined,
  },
  {
    package: 'nats-server',
    variable: 'TEST_NATS_URL',
    found: () => onPath('nats-server'),
  },
  {
    package: 'rabbitmq-server',
    variable: 'TEST_RABBITMQ_URL',
    found: () => rabbitmqScripts() !== undefined,
  },
  { package: 'default-jre-headless', variable: 'TEST_KAFKA_URL', found: () => onPath('java') },
  { package: 'maven', variable: 'TEST_KAFKA_URL', found: () => onPath('mvn') },
  { package: 'kcat', variable: 'TEST_KAFKA_URL', found: () => onPath('kcat') },
  // For the checks of the deploy files: promtool, and what holds their Python programs.
  { package: 'prometheus', found: () => onPath('promtool') },
  { package: 'python3-venv', found: () => spawnSync('python3', ['-c', 'import ensurepip, venv']).status === 0 },
];

/** Forbids a package's scripts to start servers (invoke-rc.d asks it). */
const POLICY_FILE = '/usr/sbin/policy-rc.d';

/**
 * Installs with apt what the tests need and this machine lacks, when it may (root on Debian). Elsewhere an address in
 * the requirement's variable will do; without one throws an error that says what to install.
 */
export function installMissingPackages(requirements: readonly Requirement[] = REQUIREMENTS): void {
  const missing = requirements.filter((requirement) => !requirement.found());
  if (missing.length === 0) return;
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    aptInstall(missing);
  }
  const lacking = missing.filter(
    ({ variable, found }) => variable !== undefined && !found() && (process.env[variable] ?? '') === '',
  );
  if (lacking.length === 0) return;
  const packages = lacking.map((requirement) => requirement.package).join(' ');
  const variables = lacking.map((requirement) => requirement.variable).join(', ');
  throw new Error(
    `The tests run against real servers, and these are missing: ${packages}.\n` +
      `Install them:  apt-get update && apt-get install -y --no-install-recommends ${packages}\n` +
      `or give addresses of servers the tests may write to: ${variables} (tests that stop a server fail then).`,
  );
}

function aptInstall(requirements: readonly Requirement[]): void {
  const names = requirements.map((requirement) => requirement.package).join(', ');
  process.stdout.write(`Installing ${names} with apt-get …\n`);
  const ownPolicy = !existsSync(POLICY_FILE);
  // Installing a server would start it, on a port that somebody else may want.
  if (ownPolicy) writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    apt(['update', '-q']);
    // In two goes: where apt knows no package of one name it installs none of the others.
    for (const needed of [true, false]) {
      const packages = requirements.filter(({ variable }) => (variable !== undefined) === needed);
      if (packages.length === 0) continue;
      apt(['install', '-y', '-q', '--no-install-recommends', ...packages.map((requirement) => requirement.package)]);
    }
  } finally {
    if (ownPolicy) rmSync(POLICY_FILE, { force: true });
  }
}

function apt(args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    // Another test run may be installing: wait for its lock.
    execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], { env, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    process.stderr.write(`apt-get ${args.join(' ')} failed:\n${output}\n`);
  }
}

/** Whether a program can be started by its name, or lies where Debian keeps servers. */
export function onPath(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin', '/usr/bin'];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}
