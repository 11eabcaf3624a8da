import type { OutgoingEvent } from '#lib/events';
import type { AppError, Clock, Logger, Metrics } from '#lib/kernel';
import { deadLetterBody, mustHalt, type Poison, poisonError, notePassedOver } from '../poison.js';
import type { SettleBatch } from '../settle-batch.js';
import { BucketLanes, type Lane } from './bucket-lanes.js';
import { type CallFailure, STATUS } from './map-pubsub-error.js';
import { RequestBuffers } from './request-buffers.js';
import { countMessageIds, RequestWriter } from './request-writer.js';
import { topicPath } from './topic-id.js';

/** Limits of Pub/Sub: https://cloud.google.com/pubsub/quotas#resource_limits */
const MAX_REQUEST_EVENTS = 1000;
const MAX_REQUEST_BYTES = 10_000_000;
const LIMIT_NAME = "Pub/Sub's limit for a message";
/** More are only put together when one message is that large: it bounds what is copied for the wire. */
const ENOUGH_BYTES = 1024 * 1024;

/** What arrives later than this after the time limit of its request was not looked at in time. */
const LATE_MS = 1000;

/** Sends a request; `done` is called once, never before this returns. */
export interface RequestSender {
  publish(topic: string, request: Buffer, done: (failure: CallFailure | undefined, response: Buffer) => void): void;
}

export interface DispatcherParts {
  readonly project: string;
  readonly buckets: number;
  readonly ordered: boolean;
  readonly concurrency: number;
  /** How long a request may take. */
  readonly requestMs: number;
  readonly metadata: boolean;
  readonly onPoison: 'halt' | 'deadLetter' | 'skip';
  readonly deadLetterTopic: string;
  readonly settle: SettleBatch;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface DispatcherHooks {
  /** A request failed. Its lane waits until it is released. */
  failed(lane: Lane, failure: CallFailure): void;
  /** The lane's request was stored. */
  stored(lane: Lane): void;
  /** What the lane could not get rid of was passed over. */
  passedOver(lane: Lane): void;
  /** This process stood still for longer than a request may take: nothing is sent until a link is given anew. */
  stoodStill(): void;
  /** No request is out any more. */
  idle(): void;
  /** Everything that comes before the halt is settled, or was sent. */
  fatal(error: AppError): void;
}

/**
 * Sends what the lanes give, one request per lane at a time, and settles what is acknowledged. What fails goes back to
 * the front of its lane, which waits until somebody decides.
 */
export class Dispatcher {
  private readonly lanes: BucketLanes;
  private readonly writer: RequestWriter;
  private readonly buffers: RequestBuffers;
  private link: RequestSender | undefined;
  private out = 0;
  /** Met a message or topic that ends the service; only what was accepted before it is still sent. */
  private halting: AppError | undefined;
  /** Nothing more is sent, not even what came before. */
  private stopped = false;
  private ended = false;
  private highestSent = 0;

  constructor(
    private readonly parts: DispatcherParts,
    private readonly hooks: DispatcherHooks,
  ) {
    this.lanes = new BucketLanes(parts.buckets, parts.ordered, (topic) => topicPath(parts.project, topic));
    this.writer = new RequestWriter(parts.metadata);
    this.buffers = new RequestBuffers(parts.concurrency);
  }

  get isIdle(): boolean {
    return this.out === 0;
  }

  /** Nothing is unsettled. */
  get isEmpty(): boolean {
    return this.lanes.isEmpty;
  }

  offer(event: OutgoingEvent): void {
    if (this.halting !== undefined) return;
    // A quick look first: what is far below the limit need not be measured.
    if (event.end - event.start > MAX_REQUEST_BYTES / 2 && this.isTooLarge(event)) this.tooLarge(event);
    else this.lanes.offer(event);
  }

  /** Sends over this link from now on; undefined = over none. */
  use(link: RequestSender | undefined): void {
    if (!this.stopped) this.link = link;
  }

  /** Sends nothing more; answers to what is out still count. */
  stop(): void {
    this.stopped = true;
    this.link = undefined;
  }

  release(lanes: readonly Lane[]): void {
    for (const lane of lanes) this.lanes.release(lane);
  }

  pump(): void {
    while (this.link !== undefined && this.out < this.parts.concurrency) {
      const lane = this.lanes.next();
      if (lane === undefined) break;
      this.send(this.link, lane);
    }
    this.finishHalt();
  }

  /** Ends the attempt once what is out was answered. */
  halt(error: AppError): void {
    this.halting ??= error;
    this.stop();
    this.finishHalt();
  }

  private send(link: RequestSender, lane: Lane): void {
    const { queue, from } = lane;
    const most = Math.min(lane.length, MAX_REQUEST_EVENTS, lane.limit);
    let bytes = this.writer.headBytes(lane.topicPath);
    let count = 0;
    let retries = 0;
    for (; count < most; count++) {
      const event = queue[from + count];
      if (event === undefined) break;
      const more = this.writer.messageBytes(event, lane.orderingKey);
      if (count > 0 && bytes + more > ENOUGH_BYTES) break;
      bytes += more;
      if (event.seq <= this.highestSent && lane.failing) retries += 1;
      else if (event.seq > this.highestSent) this.highestSent = event.seq;
    }
    const buffer = this.buffers.take(bytes);
    const length = this.writer.write(buffer, lane.topicPath, lane.orderingKey, queue, from, from + count);
    lane.outCount = count;
    lane.sentAtMs = this.parts.clock.now();
    this.out += 1;
    this.parts.metrics.publishAttempts(count);
    if (retries > 0) this.parts.metrics.publishRetries(retries);
    link.publish(lane.topic, buffer.subarray(0, length), (failure, response) => {
      // A call that failed may not have been written yet, and gRPC still hold its bytes.
      if (failure === undefined) this.buffers.giveBack(buffer);
      this.answered(lane, failure, response);
    });
  }

  private answered(lane: Lane, failure: CallFailure | undefined, response: Buffer): void {
    this.out -= 1;
    // After standing still for so long others may have taken our place: answers count, but nothing more is sent
    // before the timers that look after that had their turn.
    const stoodStill =
      failure?.fate !== 'lost' && this.parts.clock.now() - lane.sentAtMs > this.parts.requestMs + LATE_MS;
    if (stoodStill) this.link = undefined;
    if (failure === undefined && countMessageIds(response) === lane.outCount) this.stored(lane);
    else this.refused(lane, failure ?? WRONG_ANSWER);
    if (stoodStill) this.hooks.stoodStill();
    if (this.out === 0) this.hooks.idle();
    this.pump();
  }

  private stored(lane: Lane): void {
    const { queue, from, outCount } = lane;
    for (let i = from; i < from + outCount; i++) {
      const event = queue[i];
      if (event !== undefined) this.parts.settle.add(event.seq);
    }
    if (lane.limit < MAX_REQUEST_EVENTS) lane.limit *= 2;
    lane.failing = false;
    this.lanes.settled(lane, outCount);
    this.hooks.stored(lane);
  }

  private refused(lane: Lane, failure: CallFailure): void {
    const { outCount } = lane;
    if (failure.code === STATUS.invalidArgument && !this.stopped) {
      this.lanes.wait(lane);
      if (outCount > 1) {
        // One of them cannot be taken: halves tell which.
        lane.limit = Math.ceil(outCount / 2);
        this.lanes.release(lane);
      } else {
        this.invalid(lane, failure.message);
      }
      return;
    }
    const isUnanswered = failure.fate === 'lost' || failure.code === STATUS.deadlineExceeded;
    this.parts.metrics.problem(isUnanswered ? 'ack' : 'publish');
    lane.failing = true;
    this.lanes.wait(lane);
    this.hooks.failed(lane, failure);
  }

  private isTooLarge(event: OutgoingEvent): boolean {
    return this.requestBytes(event) > MAX_REQUEST_BYTES;
  }

  /** Of a request with this event alone. */
  private requestBytes(event: OutgoingEvent): number {
    const path = Buffer.from(topicPath(this.parts.project, event.route.topic));
    return this.writer.headBytes(path) + this.writer.messageBytes(event, LONGEST_KEY);
  }

  private tooLarge(event: OutgoingEvent): void {
    const sizeBytes = this.requestBytes(event);
    const remedy = 'Exclude the column (listener.exclude.columns), or choose publisher.onPoison.';
    const poison = { event, sizeBytes, limitBytes: MAX_REQUEST_BYTES, limitName: LIMIT_NAME, remedy };
    const letter = this.passOver(poison);
    if (letter === 'halt') this.halting = poisonError(poison);
    else if (letter === 'skip') this.parts.settle.add(event.seq);
    else this.lanes.offer(letter);
  }

  /** The first event of the lane was sent alone, and Pub/Sub says that it is invalid. */
  private invalid(lane: Lane, reason: string): void {
    const event = lane.queue[lane.from];
    if (event === undefined) return;
    const sizeBytes = event.end - event.start;
    const remedy = `Look at the schema and settings of topic "${lane.topic}", or choose publisher.onPoison.`;
    const poison = { event, sizeBytes, limitBytes: MAX_REQUEST_BYTES, limitName: LIMIT_NAME, reason, remedy };
    const error = poisonError(poison);
    const letter = lane.topic === this.parts.deadLetterTopic ? 'halt' : this.passOver(poison);
    if (letter === 'halt') {
      this.halt(error);
      return;
    }
    lane.failing = false;
    if (letter === 'skip') {
      this.parts.settle.add(event.seq);
      this.lanes.settled(lane, 1);
    } else {
      this.lanes.replaceFirst(lane, letter);
    }
    this.hooks.passedOver(lane);
  }

  private passOver(poison: Poison): 'halt' | 'skip' | OutgoingEvent {
    const { onPoison, deadLetterTopic } = this.parts;
    if (mustHalt(onPoison, poison, 1000)) return 'halt';
    notePassedOver(onPoison, poison, deadLetterTopic, this.parts);
    if (onPoison === 'skip') return 'skip';
    const slab = deadLetterBody(poison);
    const { event } = poison;
    return { ...event, route: { ...event.route, topic: deadLetterTopic }, slab, start: 0, end: slab.length };
  }

  private finishHalt(): void {
    const { halting } = this;
    if (halting === undefined || this.out > 0 || !(this.stopped || this.lanes.isEmpty)) return;
    if (this.ended) return;
    this.ended = true;
    this.stop();
    this.parts.metrics.problem('publish');
    this.hooks.fatal(halting);
  }
}

const LONGEST_KEY = Buffer.from('0000000000');
const WRONG_ANSWER: CallFailure = {
  code: STATUS.internal,
  message: 'Pub/Sub acknowledged another number of messages than were sent',
  fate: 'refused',
  cause: undefined,
};
