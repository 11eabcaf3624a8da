import { eventId, type OutgoingEvent } from '#lib/events';
import { AppError, type Logger, type Metrics } from '#lib/kernel';

/** A message that the broker can never take. */
export interface Poison {
  readonly event: OutgoingEvent;
  readonly sizeBytes: number;
  readonly limitBytes: number;
  /** Whose limit it is, for example `max_payload of the server`. */
  readonly limitName: string;
  /** What the broker said, when it is not the size. */
  readonly reason?: string;
  /** What mends it, when raising the limit does not. */
  readonly remedy?: string;
}

/** The fatal error for `onPoison: halt`. */
export function poisonError(poison: Poison): AppError {
  const { event, sizeBytes, limitBytes, limitName, reason, remedy } = poison;
  const table = `${event.route.schema}.${event.route.table}`;
  const what = `${event.action} on ${table} at LSN ${event.tx.lsnText}`;
  const why =
    reason === undefined
      ? `is too large: ${sizeBytes} bytes, limit ${limitBytes} (${limitName})`
      : `is refused as invalid: ${reason}`;
  return new AppError('POISON', `${what} ${why}`, {
    facts: { table, lsn: event.tx.lsnText, sizeBytes, limitBytes },
    remedy:
      remedy ?? `Raise ${limitName}, exclude the column (listener.exclude.columns), or choose publisher.onPoison.`,
  });
}

/** What is published in its place for `onPoison: deadLetter`: where the event is and why, no row data. */
export function deadLetterBody(poison: Poison): Buffer {
  const { event, sizeBytes, limitBytes, limitName, reason = `too large for ${limitName}` } = poison;
  return Buffer.from(
    JSON.stringify({
      id: eventId(event),
      schema: event.route.schema,
      table: event.route.table,
      action: event.action,
      lsn: event.tx.lsnText,
      xid: event.tx.xid,
      commitTime: event.tx.commitTime,
      reason,
      size: sizeBytes,
      limit: limitBytes,
    }),
  );
}

/**
 * Whether a poisoned message ends the service: by the policy, or because its dead letter could not be published either.
 * @param headerBytes what goes with the dead letter and counts against the limit
 */
export function mustHalt(policy: 'halt' | 'deadLetter' | 'skip', poison: Poison, headerBytes: number): boolean {
  if (policy !== 'deadLetter') return policy === 'halt';
  return deadLetterBody(poison).length + headerBytes > poison.limitBytes;
}

/**
 * Counts and logs a message that the policy passes over.
 * @param letterTo where its dead letter goes
 */
export function notePassedOver(
  policy: 'halt' | 'deadLetter' | 'skip',
  poison: Poison,
  letterTo: string,
  { metrics, logger }: { readonly metrics: Metrics; readonly logger: Logger },
): void {
  const { message, facts } = poisonError(poison);
  const isSkipped = policy === 'skip';
  metrics.problem('publish');
  metrics.passedOver(isSkipped ? 'skip' : 'deadLetter', 1);
  const what = isSkipped
    ? 'passed over (publisher.onPoison: skip)'
    : `sent to ${letterTo} (publisher.onPoison: deadLetter)`;
  logger.warn(`${what}: ${message}`, facts);
}
