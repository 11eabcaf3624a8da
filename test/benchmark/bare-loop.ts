import { readFileSync } from 'node:fs';

const ID_OFFSET = '{"id":"'.length;
const ID_LENGTH = 36;

/** What a bare loop prints as JSON. */
export interface LoopFigures {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** The last `rows` lines of the file, one event each, in memory. */
export function readEvents(file: string, rows: number): readonly Buffer[] {
  const all = readFileSync(file);
  const lines: Buffer[] = [];
  for (let at = 0; at < all.length;) {
    const end = all.indexOf(0x0a, at);
    if (end < 0) throw new Error(`${file} ends within a line`);
    lines.push(all.subarray(at, end));
    at = end + 1;
  }
  if (lines.length < rows) throw new Error(`${file} has ${String(lines.length)} lines of ${String(rows)}`);
  return lines.slice(lines.length - rows);
}

/** The event's id, which is the first thing in its body. */
export function idOf(event: Buffer): string {
  return event.toString('latin1', ID_OFFSET, ID_OFFSET + ID_LENGTH);
}

/** Runs `publishAll` and prints how long it took. */
export async function measureLoop(publishAll: () => Promise<void>): Promise<void> {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await publishAll();
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const figures: LoopFigures = { seconds, cpuSeconds: (user + system) / 1e6 };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

/**
 * Publishes all events with at most `maxUnanswered` without an answer. Fills up when half of them are answered: a write
 * for a few messages would cost as much as one for all.
 *
 * @param publish is to call back once per event
 */
export function pipeline(
  events: readonly Buffer[],
  maxUnanswered: number,
  publish: (event: Buffer, index: number, answered: (error: unknown) => void) => void,
): Promise<void> {
  let sent = 0;
  let answers = 0;
  return new Promise((resolve, reject) => {
    const fill = () => {
      while (sent < events.length && sent - answers < maxUnanswered) {
        const event = events[sent];
        if (event === undefined) break;
        sent += 1;
        publish(event, sent - 1, answered);
      }
    };
    const answered = (error: unknown) => {
      if (error !== null && error !== undefined) {
        reject(error instanceof Error ? error : new Error('not stored', { cause: error }));
        return;
      }
      answers += 1;
      if (answers === events.length) resolve();
      else if (sent - answers <= maxUnanswered / 2) fill();
    };
    fill();
  });
}
