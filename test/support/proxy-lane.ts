import type { Socket } from 'node:net';

/** Sees (and may change or drop) what flows one way. */
export type ChunkFilter = (chunk: Buffer) => Buffer | undefined;

export interface Drip {
  readonly bytes: number;
  readonly everyMs: number;
}

/** What a network does to everything it carries; its owner changes it and lets the lanes pump. */
export interface Conditions {
  stalled: boolean;
  latencyMs: number;
  drip: Drip | undefined;
}

/** What a network does one way. */
export interface Direction {
  filter: ChunkFilter | undefined;
  /** The connection that carries the last of so many bytes more is cut then. */
  cutAfter: number | undefined;
}

/** How much a lane takes in before it stops reading: the buffers of a network are not without bound. */
export const LANE_BYTES = 1024 * 1024;

/** Time enough for a receiver to read what it was sent. */
const READ_MS = 5;

interface Item {
  /** Or the end of the sender's bytes, or of the sender itself. */
  readonly what: Buffer | 'end' | 'gone';
  readonly dueMs: number;
}

/** One way of one connection: bytes, and the news of the sender's end, arrive in the order they were sent in. */
export class Lane {
  /** While true nothing goes on from here. */
  held = false;
  /** Bytes taken in and not passed on. */
  bytes = 0;
  private queue: Item[] = [];
  private shut = false;
  private timer: NodeJS.Timeout | undefined;
  private nextDripMs = 0;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly conditions: Conditions,
    private readonly direction: Direction,
    private readonly cut: () => void,
  ) {
    from.on('data', (chunk) => this.take(chunk));
    from.once('end', () => this.add('end'));
    from.once('close', () => this.add('gone'));
    to.on('drain', () => this.pump());
    // What waits for a receiver that has gone waits for nothing.
    to.once('close', () => this.discard());
  }

  /** Passes on what may go on now. */
  pump(): void {
    for (;;) {
      const item = this.queue[0];
      if (item === undefined || this.held || this.conditions.stalled || this.to.writableNeedDrain) return;
      const now = performance.now();
      const drip = Buffer.isBuffer(item.what) ? this.conditions.drip : undefined;
      const due = drip === undefined ? item.dueMs : Math.max(item.dueMs, this.nextDripMs);
      if (due > now) {
        this.pumpIn(due - now);
        return;
      }
      if (drip !== undefined) this.nextDripMs = now + drip.everyMs;
      this.queue.shift();
      if (Buffer.isBuffer(item.what)) this.passOn(item.what, drip?.bytes ?? Infinity, item.dueMs);
      else if (item.what === 'end') this.to.end();
      else this.to.destroySoon();
    }
  }

  /** Tells the receiver that nothing more comes, and lets nothing more through. */
  shutDown(): void {
    this.add('end');
    this.shut = true;
  }

  private take(chunk: Buffer): void {
    const passed = this.direction.filter === undefined ? chunk : this.direction.filter(chunk);
    if (passed === undefined || passed.length === 0 || this.shut) return;
    this.bytes += passed.length;
    this.add(passed);
    if (this.bytes >= LANE_BYTES) this.from.pause();
  }

  private add(what: Item['what']): void {
    if (this.shut && what === 'end') return;
    this.queue.push({ what, dueMs: performance.now() + this.conditions.latencyMs });
    this.pump();
  }

  private passOn(chunk: Buffer, most: number, dueMs: number): void {
    const { cutAfter } = this.direction;
    const size = Math.min(chunk.length, most, cutAfter ?? Infinity);
    if (size < chunk.length) this.queue.unshift({ what: chunk.subarray(size), dueMs });
    this.bytes -= size;
    if (this.to.writable) this.to.write(chunk.subarray(0, size));
    if (cutAfter !== undefined) this.countDown(cutAfter - size);
    if (this.bytes < LANE_BYTES && this.from.isPaused()) this.from.resume();
  }

  private countDown(left: number): void {
    this.direction.cutAfter = left > 0 ? left : undefined;
    if (left > 0) return;
    this.shut = true;
    this.queue = [];
    this.bytes = 0;
    // A receiver that finds bytes and reset together may see an orderly end.
    setTimeout(this.cut, READ_MS);
  }

  private pumpIn(ms: number): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.pump();
    }, Math.ceil(ms));
  }

  private discard(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.queue = [];
    this.bytes = 0;
    this.shut = true;
    this.from.resume();
  }
}
