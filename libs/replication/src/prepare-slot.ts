import { AppError, type Logger } from '#lib/kernel';
import { formatLsn } from '#lib/pgoutput';

import type { ControlConnection } from './control-connection.js';
import { markedSlots } from './mark.js';
import type { Preflight } from './preflight.js';
import { createPublicationSql, readPublications, writeMark } from './publication.js';
import { createSlot, dropSlot } from './slot.js';

/** Making a slot waits for running transactions; after this long it says so. */
const SLOW_CREATION_MS = 10_000;

export interface SlotNames {
  readonly slot: string;
  readonly publications: readonly string[];
  readonly failover: boolean;
}

/** Cancels the statement that another connection waits for; best effort. */
async function cancelBackend(control: ControlConnection, pid: number): Promise<void> {
  const other = control.sibling();
  try {
    await other.query('SELECT pg_cancel_backend($1)', [pid]);
  } catch {
    // The connection itself is gone then, and with it the statement, sooner or later.
  } finally {
    await other.close();
  }
}

/** Makes the slot; cancelled on the server when the signal aborts, since it may wait for hours. */
async function createSlotUnlessAborted(
  control: ControlConnection,
  names: SlotNames,
  logger: Logger,
  signal: AbortSignal,
): Promise<bigint> {
  const [row] = await control.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  if (signal.aborted) throw new AppError('PG_CONNECTION_LOST', 'Stopped before the slot was made');
  const onAbort = () => void cancelBackend(control, row?.pid ?? 0);
  signal.addEventListener('abort', onAbort, { once: true });
  const slow = setTimeout(() => {
    logger.warn('making the slot waits for the transactions that are running now to end', { slot: names.slot });
  }, SLOW_CREATION_MS);
  try {
    return await createSlot(control, names.slot, names.failover);
  } finally {
    clearTimeout(slow);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Appends the mark to the publications that this user owns: from now on the slot is known to have been used. */
async function leaveMarks(control: ControlConnection, names: SlotNames): Promise<void> {
  for (const publication of await readPublications(control, names.publications)) {
    if (!publication.isOwned || markedSlots(publication.comment).includes(names.slot)) continue;
    await writeMark(control, publication.name, names.slot);
  }
}

/**
 * Does what preflight planned: publication first, then slot, since a publication does not exist for WAL before it; the
 * mark last, so that a crash in between looks like a first start.
 * @returns the slot's confirmed position
 * @throws AppError
 */
export async function prepareSlot(
  control: ControlConnection,
  preflight: Preflight,
  names: SlotNames,
  logger: Logger,
  signal: AbortSignal,
): Promise<bigint> {
  const { plan, slot } = preflight;
  let confirmed = slot?.confirmedFlushLsn ?? 0n;
  if (plan.createPublication !== undefined) {
    await control.query(createPublicationSql(plan.createPublication));
    logger.info('made a publication of all tables', { publication: plan.createPublication });
  }
  if (plan.dropSlot) await dropSlot(control, names.slot);
  if (plan.createSlot) {
    confirmed = await createSlotUnlessAborted(control, names, logger, signal);
    logger.info('made the replication slot', { slot: names.slot, lsn: formatLsn(confirmed) });
  }
  if (plan.gap !== undefined) {
    const from = plan.gap.from === undefined ? 'the last published change' : formatLsn(plan.gap.from);
    logger.warn(`the slot was lost and made anew: changes from ${from} to ${formatLsn(confirmed)} are gone`, {
      slot: names.slot,
      to: formatLsn(confirmed),
      ...(plan.gap.from === undefined ? {} : { from: formatLsn(plan.gap.from) }),
    });
  }
  await leaveMarks(control, names);
  return confirmed;
}
