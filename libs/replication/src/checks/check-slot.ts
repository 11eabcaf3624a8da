import type { Finding } from '../finding.js';
import { quoteIdentifier } from '../quote.js';
import type { ServerFacts } from '../server-facts.js';
import type { Slot } from '../slot.js';

const MEGABYTE = 1024 * 1024;
/** A slot that may keep less than this part of its limit is close to being lost. */
const LOW_SHARE = 0.25;
const FAILOVER_SINCE = 170000;

function checkRetention(facts: ServerFacts, slot: Slot | undefined): readonly Finding[] {
  if (slot?.safeWalBytes === undefined || facts.maxSlotWalKeepMb < 0) return [];
  const limitBytes = facts.maxSlotWalKeepMb * MEGABYTE;
  if (slot.safeWalBytes > limitBytes * LOW_SHARE && slot.walStatus !== 'unreserved') return [];
  return [
    {
      severity: 'warning',
      code: 'SLOT_LOST',
      message: `Slot ${slot.name} (wal_status ${slot.walStatus}) is lost after ${Math.max(0, slot.safeWalBytes)} more bytes of WAL`,
      remedy: `ALTER SYSTEM SET max_slot_wal_keep_size = '${facts.maxSlotWalKeepMb * 4}MB';\nSELECT pg_reload_conf();`,
    },
  ];
}

function checkFailover(facts: ServerFacts, slot: Slot | undefined): readonly Finding[] {
  const warning = (message: string, remedy: string): Finding => ({
    severity: 'warning',
    code: 'PREFLIGHT',
    message,
    remedy,
  });
  if (facts.version < FAILOVER_SINCE) {
    const message = 'listener.failoverSlot has no effect: the server is older than PostgreSQL 17';
    return [warning(message, 'Set listener.failoverSlot: false, or upgrade.')];
  }
  const findings: Finding[] = [];
  if (slot !== undefined && !slot.isFailover) {
    const sql = `ALTER_REPLICATION_SLOT ${quoteIdentifier(slot.name)} ( FAILOVER true );`;
    findings.push(
      warning(
        `Slot ${slot.name} is not synchronised to standbys`,
        `While it is idle, on a replication connection:\n${sql}`,
      ),
    );
  }
  if (facts.synchronizedStandbySlots === '') {
    findings.push(
      warning(
        'synchronized_standby_slots is empty: changes may be published that a promoted standby does not have',
        "With the physical slots of the standbys:\nALTER SYSTEM SET synchronized_standby_slots = '…';\nSELECT pg_reload_conf();",
      ),
    );
  }
  return findings;
}

/** How safe the slot is from being lost. Pure; undefined = the slot does not exist yet. */
export function checkSlot(facts: ServerFacts, slot: Slot | undefined, wantsFailover: boolean): readonly Finding[] {
  return [...checkRetention(facts, slot), ...(wantsFailover ? checkFailover(facts, slot) : [])];
}
