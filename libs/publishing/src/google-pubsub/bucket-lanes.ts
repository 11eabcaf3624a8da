import type { OutgoingEvent } from '#lib/events';
import { Fifo } from '../fifo.js';
import { orderingBucket } from './ordering-bucket.js';

/**
 * What may become of a lane's next request: there is nothing to send; it may be sent; it is out; it failed and waits to
 * be sent again.
 */
type LaneState = 'empty' | 'ready' | 'out' | 'waiting';

/** The events of one topic and bucket, in order, until they are settled. One request at a time takes from its front. */
export class Lane {
  state: LaneState = 'empty';
  /** How many events the request that is out took. */
  outCount = 0;
  /** When it was sent, monotonic. */
  sentAtMs = 0;
  /** How many events a request may take: fewer while one that cannot be taken is looked for. */
  limit = Number.POSITIVE_INFINITY;
  /** The request failed and was not yet sent again with success. */
  failing = false;
  private events: (OutgoingEvent | undefined)[] = [];
  private first = 0;

  constructor(
    readonly topic: string,
    readonly topicPath: Buffer,
    /** Empty = the messages have no ordering key. */
    readonly orderingKey: Buffer,
  ) {}

  get length(): number {
    return this.events.length - this.first;
  }

  /** The array that holds the events, from index `from` on. */
  get queue(): readonly (OutgoingEvent | undefined)[] {
    return this.events;
  }

  get from(): number {
    return this.first;
  }

  push(event: OutgoingEvent): void {
    this.events.push(event);
  }

  /** Lets go of the first `count` events. */
  drop(count: number): void {
    const end = this.first + count;
    this.events.fill(undefined, this.first, end);
    this.first = end;
    if (this.first === this.events.length) {
      this.events = [];
      this.first = 0;
    } else if (this.first >= 1024 && this.first * 2 > this.events.length) {
      this.events = this.events.slice(this.first);
      this.first = 0;
    }
  }
}

/**
 * Sorts events into lanes by topic and bucket of their ordering key, and says which lane's turn it is. A barrier event
 * goes alone, after everything before it is settled and before everything after it. Pure.
 */
export class BucketLanes {
  private readonly topics = new Map<string, Lane[]>();
  private lastTopic = '';
  private lastLanes: Lane[] = [];
  private readonly ready = new Fifo<Lane>();
  /** What came after the barrier. */
  private readonly held = new Fifo<OutgoingEvent>();
  private barrier: OutgoingEvent | undefined;
  private barrierPlaced = false;
  /** Events in lanes. */
  private unsettled = 0;

  /**
   * @param buckets lanes per topic
   * @param ordered whether the bucket's number is the messages' ordering key
   */
  constructor(
    private readonly buckets: number,
    private readonly ordered: boolean,
    private readonly topicPath: (topic: string) => string,
  ) {}

  /** Nothing is unsettled. */
  get isEmpty(): boolean {
    return this.unsettled === 0 && this.barrier === undefined;
  }

  offer(event: OutgoingEvent): void {
    if (this.barrier !== undefined) this.held.push(event);
    else if (event.barrier) this.raise(event);
    else this.place(event);
  }

  /** The next lane that may send; it counts as out. */
  next(): Lane | undefined {
    const lane = this.ready.shift();
    if (lane !== undefined) lane.state = 'out';
    return lane;
  }

  /** The first `count` events of the lane are settled (or passed over); it may send again. */
  settled(lane: Lane, count: number): void {
    lane.drop(count);
    lane.outCount = 0;
    this.unsettled -= count;
    this.release(lane);
    if (this.unsettled === 0) this.onDrained();
  }

  /** What was out failed: the lane sends nothing until it is released. */
  wait(lane: Lane): void {
    lane.outCount = 0;
    lane.state = 'waiting';
  }

  /** The lane may send (again). */
  release(lane: Lane): void {
    lane.state = lane.length === 0 ? 'empty' : 'ready';
    if (lane.state === 'ready') this.ready.push(lane);
  }

  /** Takes the first event out of the lane, which counts as unsettled on, and puts another into its own lane. */
  replaceFirst(lane: Lane, event: OutgoingEvent): void {
    lane.drop(1);
    lane.outCount = 0;
    this.unsettled -= 1;
    this.release(lane);
    this.place(event);
  }

  private raise(event: OutgoingEvent): void {
    this.barrier = event;
    this.barrierPlaced = false;
    if (this.unsettled === 0) this.onDrained();
  }

  /** Everything in the lanes is settled: it is the barrier's turn, or it has had it. */
  private onDrained(): void {
    if (this.barrier === undefined) return;
    if (!this.barrierPlaced) {
      this.barrierPlaced = true;
      this.place(this.barrier);
      return;
    }
    this.barrier = undefined;
    while (this.barrier === undefined) {
      const event = this.held.shift();
      if (event === undefined) return;
      if (event.barrier) this.raise(event);
      else this.place(event);
    }
  }

  private place(event: OutgoingEvent): void {
    const lane = this.laneOf(event);
    lane.push(event);
    this.unsettled += 1;
    if (lane.state === 'empty') this.release(lane);
  }

  private laneOf(event: OutgoingEvent): Lane {
    const { topic } = event.route;
    if (topic !== this.lastTopic) {
      this.lastLanes = this.topics.get(topic) ?? [];
      this.topics.set(topic, this.lastLanes);
      this.lastTopic = topic;
    }
    const bucket = orderingBucket(event, this.buckets);
    const known = this.lastLanes[bucket];
    if (known !== undefined) return known;
    const path = Buffer.from(this.topicPath(topic));
    const lane = new Lane(topic, path, Buffer.from(this.ordered ? String(bucket) : ''));
    this.lastLanes[bucket] = lane;
    return lane;
  }
}
