import type { Finding } from '../finding.js';
import { quoteIdentifier } from '../quote.js';
import type { ServerFacts } from '../server-facts.js';
import type { SlotPlan } from '../slot-plan.js';
import { awaitsApplication } from './synchronous-standby-names.js';

/** First minor version per major without the defect of 2025 in the invalidation of logical slots' catalog caches. */
const FIXED_MINOR: Readonly<Record<number, number>> = { 14: 18, 15: 13, 16: 9, 17: 5 };
const FIRST_VERSION = 140000;
const RESTART = 'Then restart PostgreSQL.';

function checkVersion({ version }: ServerFacts): readonly Finding[] {
  const major = Math.trunc(version / 10000);
  const minor = version % 10000;
  if (version < FIRST_VERSION) {
    const message = `PostgreSQL ${major} is too old`;
    return [{ severity: 'error', code: 'PREFLIGHT', message, remedy: 'Use PostgreSQL 14 or newer.' }];
  }
  const fixed = FIXED_MINOR[major];
  if (fixed === undefined || minor >= fixed) return [];
  return [
    {
      severity: 'warning',
      code: 'PREFLIGHT',
      message: `PostgreSQL ${major}.${minor} may decode changes with an outdated publication after concurrent DDL (mended in 2025)`,
      remedy: `Upgrade to ${major}.${fixed} or newer.`,
    },
  ];
}

function checkCapacity(facts: ServerFacts, plan: SlotPlan): readonly Finding[] {
  const findings: Finding[] = [];
  if (plan.createSlot && !plan.dropSlot && facts.usedSlots >= facts.maxSlots) {
    findings.push({
      severity: 'error',
      code: 'SLOTS_EXHAUSTED',
      message: `All ${facts.maxSlots} replication slots are in use`,
      remedy: `Drop a slot that nobody needs any more, or:\nALTER SYSTEM SET max_replication_slots = ${facts.maxSlots + 5};\n${RESTART}`,
    });
  }
  if (facts.usedSenders >= facts.maxSenders) {
    findings.push({
      // Senders come free by themselves, for example our own of a moment ago; a limit of 0 never does.
      severity: facts.maxSenders === 0 ? 'error' : 'warning',
      code: 'SLOTS_EXHAUSTED',
      message: `All ${facts.maxSenders} WAL senders are in use`,
      remedy: `ALTER SYSTEM SET max_wal_senders = ${facts.maxSenders + 5};\n${RESTART}`,
    });
  }
  return findings;
}

function checkPrivileges(facts: ServerFacts, plan: SlotPlan): readonly Finding[] {
  const user = quoteIdentifier(facts.user);
  const findings: Finding[] = [];
  if (!facts.canReplicate) {
    findings.push({
      severity: 'error',
      code: 'PG_PRIVILEGE',
      message: `User ${facts.user} may not use replication connections`,
      remedy: `ALTER ROLE ${user} REPLICATION;`,
    });
  }
  if (plan.createPublication !== undefined && !facts.isSuperuser) {
    const publication = quoteIdentifier(plan.createPublication);
    findings.push({
      severity: 'error',
      code: 'PG_PRIVILEGE',
      message: `Publication ${plan.createPublication} does not exist and only a superuser can create one FOR ALL TABLES`,
      remedy: `As a superuser:\nCREATE PUBLICATION ${publication} FOR ALL TABLES;`,
    });
  }
  return findings;
}

function checkSettings(facts: ServerFacts, applicationName: string): readonly Finding[] {
  const findings: Finding[] = [];
  if (facts.walLevel !== 'logical') {
    findings.push({
      severity: 'error',
      code: 'WAL_LEVEL',
      message: `wal_level is ${facts.walLevel} instead of logical`,
      remedy: `ALTER SYSTEM SET wal_level = 'logical';\n${RESTART}`,
    });
  }
  if (facts.encoding === 'SQL_ASCII') {
    findings.push({
      severity: 'error',
      code: 'PREFLIGHT',
      message: `Database ${facts.database} has encoding SQL_ASCII: the server cannot turn its text into UTF-8`,
      remedy: `Dump it and restore it into a database made with:\nCREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8';`,
    });
  }
  if (awaitsApplication(facts.synchronousStandbyNames, applicationName)) {
    findings.push({
      severity: 'warning',
      code: 'PREFLIGHT',
      message: `synchronous_standby_names = '${facts.synchronousStandbyNames}' matches this client (${applicationName}): commits may wait until the broker acknowledged them`,
      remedy:
        "With the names of the physical standbys only:\nALTER SYSTEM SET synchronous_standby_names = '…';\nSELECT pg_reload_conf();",
    });
  }
  return findings;
}

/** What the server and the user's privileges say about the plan. Pure. */
export function checkServer(facts: ServerFacts, plan: SlotPlan, applicationName: string): readonly Finding[] {
  return [
    ...checkVersion(facts),
    ...checkSettings(facts, applicationName),
    ...checkCapacity(facts, plan),
    ...checkPrivileges(facts, plan),
  ];
}
