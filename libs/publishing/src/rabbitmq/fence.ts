import { AppError, Backoff, type Clock, sleep } from '#lib/kernel';
import { AMQP, refusalOf } from './map-rabbitmq-error.js';
import type { RabbitLink } from './rabbit-link.js';

const MIN_BACKOFF_MS = 20;
const MAX_BACKOFF_MS = 1000;
/** A connection that has just been cut is ended by the broker within this; only longer is worth a word. */
const QUIET_MS = 1000;

export interface FenceHooks {
  /** Somebody else holds the place; said again and again while it lasts. */
  waiting(error: AppError): void;
  /** Limits how long one attempt may take; rejects when it takes longer. */
  inTime(attempt: Promise<boolean>): Promise<boolean>;
}

/**
 * Takes the slot's place at the broker: an exclusive queue of this name, which belongs to the connection and ends with
 * it. Whoever holds the place is the only one who publishes; the broker gives it away only when it has ended the
 * connection before, with all that one still had on its way. Waits until then.
 *
 * @throws AppError when the link is lost, aborted or something else is wrong with the queue
 */
export async function takePlace(
  link: RabbitLink,
  queue: string,
  clock: Clock,
  signal: AbortSignal,
  hooks: FenceHooks,
): Promise<void> {
  const backoff = new Backoff(MIN_BACKOFF_MS, MAX_BACKOFF_MS);
  const since = clock.now();
  while (!(await hooks.inTime(tryPlace(link, queue)))) {
    if (clock.now() - since >= QUIET_MS) hooks.waiting(placeTaken(queue));
    await sleep(backoff.next(), signal, clock);
    if (signal.aborted) throw new AppError('BROKER_UNREACHABLE', `waiting for queue "${queue}" was aborted`);
  }
}

async function tryPlace(link: RabbitLink, queue: string): Promise<boolean> {
  return link.onScratchChannel(`the fence, queue "${queue}"`, async (channel) => {
    try {
      await channel.assertQueue(queue, { exclusive: true, durable: false, autoDelete: true });
      return true;
    } catch (error) {
      if (refusalOf(error)?.code === AMQP.resourceLocked) return false;
      throw error;
    }
  });
}

function placeTaken(queue: string): AppError {
  return new AppError('BROKER_REFUSED', `another connection holds this slot's place, queue "${queue}"`, {
    facts: { queue },
    remedy:
      'The broker ends an abandoned connection when its heartbeats stay away (15 s); if it lasts, another wal-listener ' +
      'with the same slot, database and topic is publishing.',
  });
}
