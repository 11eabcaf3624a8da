import { describe, expect, it } from 'vitest';
import { eventId, type OutgoingEvent } from '#lib/events';
import { EventWindow } from '../event-window.js';
import { EventMaker, testEventId } from '../testing/outgoing-events.js';
import { proveReplay } from './replay-proof.js';
import type { StoredMessage } from './stream-facts.js';

/** A stream with these ids at sequences 1, 2, 3 …; undefined = a message that is gone, '-' = one without our id. */
function streamOf(ids: readonly (string | undefined)[]) {
  const messages: StoredMessage[] = ids.flatMap((id, i) =>
    id === undefined ? [] : [{ seq: i + 1, id: id === '-' ? undefined : id }],
  );
  let reads = 0;
  return {
    reads: () => reads,
    source: {
      messageFrom: (seq: number) => {
        reads += 1;
        return Promise.resolve(messages.find((message) => message.seq >= seq));
      },
    },
    range: { firstSeq: messages[0]?.seq ?? 1, lastSeq: ids.length, lastId: messages.at(-1)?.id ?? '' },
  };
}

const ids = (...positions: readonly number[]) => positions.map((position) => testEventId(position));
const replayed = (...positions: readonly number[]) =>
  positions.map((position, i) => ({ ...new EventMaker('app').restartAt(position - 1).next(), seq: i + 1 }));

/** The positions found in the stream, and where. */
async function prove(
  stream: ReturnType<typeof streamOf>,
  events: readonly OutgoingEvent[],
  later: readonly OutgoingEvent[] = [],
): Promise<readonly (readonly [string, number])[]> {
  const window = new EventWindow();
  const found: [string, number][] = [];
  for (const event of events) window.push(event);
  const rest = [...later];
  let cancelled = false;
  await proveReplay(stream.source, window, stream.range, {
    proven: (seq, streamSeq) => {
      const event = window.at(seq);
      if (event === undefined) throw new Error('proven twice');
      found.push([eventId(event), streamSeq]);
      window.settle(seq);
    },
    more: () => {
      const next = rest.shift();
      if (next === undefined) cancelled = true;
      else window.push(next);
      return Promise.resolve();
    },
    get cancelled() {
      return cancelled;
    },
  });
  return found;
}

const at = (positions: readonly number[], seqs: readonly number[]) =>
  positions.map((position, i) => [testEventId(position), seqs[i]]);

describe('proveReplay', () => {
  it('finds the replayed part in a long stream with few reads', async () => {
    const positions = Array.from({ length: 5000 }, (_, i) => i + 1);
    const stream = streamOf(ids(...positions));
    expect(await prove(stream, replayed(4999, 5000, 5001))).toEqual(at([4999, 5000], [4999, 5000]));
    expect(stream.reads()).toBeLessThan(30);
  });

  it('goes on with what comes later', async () => {
    const stream = streamOf(ids(1, 2, 3, 4));
    const later = replayed(1, 2, 3, 4, 5).slice(1);
    expect(await prove(stream, replayed(1), later)).toEqual(at([1, 2, 3, 4], [1, 2, 3, 4]));
  });

  it('passes over what is stored but not replayed, and over gaps', async () => {
    const stream = streamOf([
      testEventId(1),
      undefined,
      testEventId(2),
      testEventId(3),
      testEventId(4),
      testEventId(5),
    ]);
    expect(await prove(stream, replayed(1, 3, 5, 6))).toEqual(at([1, 3, 5], [1, 4, 6]));
  });

  it('ends at the first event that is not stored', async () => {
    expect(await prove(streamOf(ids(1, 2, 4, 5)), replayed(1, 2, 3, 4, 5))).toEqual(at([1, 2], [1, 2]));
  });

  it('takes nothing for stored that has the same place in another history', async () => {
    const other = new EventMaker('app', 2).restartAt(1).batch(3);
    for (const history of [other, new EventMaker('app', 0).restartAt(1).batch(3)]) {
      expect(await prove(streamOf(ids(1, 2, 3, 4, 5)), history)).toEqual([]);
    }
  });

  it('takes nothing for stored that stands before a repeat', async () => {
    expect(await prove(streamOf(ids(1, 2, 3, 2)), replayed(2, 3))).not.toContainEqual([testEventId(3), 3]);
    expect(await prove(streamOf(ids(1, 2, 3, 2)), replayed(3))).toEqual([]);
  });

  it('bears a few messages of others, gives up among many', async () => {
    const some = [testEventId(1), '-', '-', testEventId(2), '-', testEventId(3)];
    expect(await prove(streamOf(some), replayed(1, 2, 3))).toEqual(at([1, 2, 3], [1, 4, 6]));
    const many = [testEventId(1), ...Array.from({ length: 500 }, () => '-'), testEventId(2)];
    expect(await prove(streamOf(many), replayed(2))).toEqual([]);
  });
});
