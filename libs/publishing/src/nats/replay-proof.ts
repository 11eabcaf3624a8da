import { eventId } from '#lib/events';
import type { EventWindow } from '../event-window.js';
import { isOwnForm, type StoredMessage } from './stream-facts.js';

/** How the proof reads the stream; see StreamReader. */
export interface MessageSource {
  messageFrom(seq: number): Promise<StoredMessage | undefined>;
}

/** The stream's sequences that may hold what is replayed, and the id of the last, above which nothing is proven. */
export interface StoredRange {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly lastId: string;
}

export interface ProofListener {
  /** The event with this seq is in the stream already, at `streamSeq`. */
  proven(seq: number, streamSeq: number): void;
  /** Resolves when the window may hold more, or there is nothing more to wait for. */
  more(): Promise<void>;
  /** The proof is to end: closing, or the connection is lost. */
  readonly cancelled: boolean;
}

/** Messages read ahead, by the size of what is expected: the answers are held in memory. */
const AHEAD_BYTES = 1024 * 1024;
const AHEAD_MESSAGES = 128;
/** Messages without an id of ours that may lie between ours before the search gives up. */
const MAX_FOREIGN = 64;

/**
 * After a restart PostgreSQL sends again what was published but not yet confirmed. Reads the stream from where the first
 * of it should be and compares id by id: each event found there in its place counts as durable; with the first that is
 * not, the proof ends and everything from it on is published. Equality of ids (not their order) is what proves: after a
 * failover that lost WAL the same positions hold other events under other ids. Nothing above the last message's id is
 * proven: it would stand before a repeat of something earlier.
 */
export async function proveReplay(
  source: MessageSource,
  window: EventWindow,
  range: StoredRange,
  listener: ProofListener,
): Promise<void> {
  const first = window.at(window.head);
  if (first === undefined || eventId(first) > range.lastId) return;
  let seq = await findFirst(source, range, eventId(first));
  while (seq !== undefined && seq <= range.lastSeq && !listener.cancelled) {
    if (window.isEmpty) {
      await listener.more();
      continue;
    }
    const ahead = readAhead(source, window, seq, range.lastSeq);
    const messages = await Promise.all(ahead);
    seq = compare(messages, window, range.lastId, listener);
  }
}

/** The sequence to go on with; undefined when the proof is over. */
function compare(
  messages: readonly (StoredMessage | undefined)[],
  window: EventWindow,
  lastId: string,
  listener: ProofListener,
): number | undefined {
  let seq: number | undefined;
  for (const message of messages) {
    // Gaps make several reads end at the same message.
    if (message === undefined) return undefined;
    if (seq !== undefined && message.seq < seq) continue;
    const event = window.at(window.head);
    if (event === undefined) return seq;
    const id = eventId(event);
    if (id > lastId || (isOwnForm(message.id) && message.id > id)) return undefined;
    seq = message.seq + 1;
    if (message.id === id) listener.proven(event.seq, message.seq);
  }
  return seq;
}

function readAhead(
  source: MessageSource,
  window: EventWindow,
  fromSeq: number,
  lastSeq: number,
): readonly Promise<StoredMessage | undefined>[] {
  const reads: Promise<StoredMessage | undefined>[] = [];
  let bytes = 0;
  for (let i = 0; i < AHEAD_MESSAGES && fromSeq + i <= lastSeq; i++) {
    const event = window.at(window.head + i);
    if (event === undefined || (i > 0 && bytes > AHEAD_BYTES)) break;
    bytes += event.end - event.start;
    reads.push(source.messageFrom(fromSeq + i));
  }
  return reads;
}

/** The lowest sequence whose message has an id not below `id`, found by halving; undefined when the search fails. */
async function findFirst(source: MessageSource, range: StoredRange, id: string): Promise<number | undefined> {
  let low = range.firstSeq;
  let high = range.lastSeq;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const message = await firstOwn(source, middle);
    if (message === undefined) return undefined;
    if (message.id < id) low = Math.min(message.seq, high) + 1;
    else high = middle;
  }
  return low;
}

async function firstOwn(source: MessageSource, fromSeq: number): Promise<{ seq: number; id: string } | undefined> {
  let seq = fromSeq;
  for (let i = 0; i < MAX_FOREIGN; i++) {
    const message = await source.messageFrom(seq);
    if (message === undefined) return undefined;
    if (isOwnForm(message.id)) return { seq: message.seq, id: message.id };
    seq = message.seq + 1;
  }
  return undefined;
}
