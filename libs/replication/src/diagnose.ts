import { AppError } from '#lib/kernel';

import type { ControlConnection } from './control-connection.js';
import { OBJECT_STATES } from './map-pg-error.js';
import { createPublicationSql, readPublications } from './publication.js';
import { readSlot } from './slot.js';

/** The slot and publications that a stream stands on. */
export interface StreamObjects {
  readonly slot: string;
  readonly publications: readonly string[];
}

/** @throws AppError SLOT_LOST or PUBLICATION_MISSING when what the stream stands on is gone */
export function assertObjects(
  objects: StreamObjects,
  slot: Awaited<ReturnType<typeof readSlot>>,
  publications: Awaited<ReturnType<typeof readPublications>>,
  cause?: unknown,
): void {
  const facts = { slot: objects.slot, ...(cause instanceof AppError ? cause.facts : {}) };
  if (slot === undefined) throw new AppError('SLOT_LOST', `Slot ${objects.slot} was dropped`, { cause, facts });
  if (slot.invalidation !== undefined) {
    throw new AppError('SLOT_LOST', `Slot ${objects.slot} was invalidated (${slot.invalidation})`, { cause, facts });
  }
  const missing = objects.publications.filter((name) => !publications.some((found) => found.name === name));
  if (missing.length > 0) {
    throw new AppError('PUBLICATION_MISSING', `Publication ${missing.join(', ')} was dropped`, {
      cause,
      facts,
      remedy:
        'Changes from the drop on cannot be decoded. Drop the slot, start anew, and only then recover them by other means:\n' +
        `SELECT pg_drop_replication_slot('${objects.slot}');\nTo choose what is published, before that start:\n` +
        missing.map((name) => `${createPublicationSql(name)};`).join('\n'),
    });
  }
}

/** pgoutput does not find a publication that the catalog has now: it was made later than the WAL being decoded. */
export function publicationTooYoung(objects: StreamObjects, cause: AppError): AppError {
  const names = objects.publications.join(', ');
  return new AppError(
    'PUBLICATION_TOO_YOUNG',
    `Publication ${names} did not exist yet at a position that must be decoded: ${cause.message}`,
    { cause, facts: { ...cause.facts, slot: objects.slot } },
  );
}

/**
 * Why a stream broke, when the SQLSTATE says only that an object is missing or unfit: the catalog tells which. Messages
 * are not looked at, since the server translates them. Falls back to the error itself.
 * @param notFound the SQLSTATE that stands for a publication that decoding did not find
 */
export async function diagnose(
  error: AppError,
  control: ControlConnection,
  objects: StreamObjects,
  isPublicationSkipped: boolean,
): Promise<AppError> {
  const sqlstate = error.facts['sqlstate'];
  if (typeof sqlstate !== 'string' || !OBJECT_STATES.has(sqlstate)) return error;
  try {
    const slot = await readSlot(control, objects.slot);
    const publications = await readPublications(control, objects.publications);
    assertObjects(objects, slot, publications, error);
  } catch (found) {
    return found instanceof AppError && !found.retriable ? found : error;
  }
  // Slot and publications are there, so 42704 (undefined object) can only be about the past.
  return sqlstate === '42704' || isPublicationSkipped ? publicationTooYoung(objects, error) : error;
}
