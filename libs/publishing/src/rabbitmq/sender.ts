import { eventId, type OutgoingEvent } from '#lib/events';
import { AppError } from '#lib/kernel';
import { KeyedLanes } from '../keyed-lanes.js';
import { deadLetterBody, mustHalt, type Poison, poisonError, notePassedOver } from '../poison.js';
import type { SendOrder } from '../send-order.js';
import { nackError, overdueError, unroutableError } from './message-errors.js';
import { PipelinedOrder } from './pipelined-order.js';
import type { RabbitLink } from './rabbit-link.js';
import type { SenderHooks, SenderParts, SendFailure } from './sender-ports.js';
import { UnroutableLog } from './unroutable.js';
import { Wire } from './wire.js';

const LIMIT_NAME = 'max_message_size of RabbitMQ';
/** While most of the wire is unconfirmed, what becomes ready is gathered for this long: a few at a time cost a write each. */
const GATHER_MS = 10;

/**
 * Sends what the order gives, over one link at a time, and settles what is confirmed. Stops at the first thing that goes
 * wrong and says so; whoever it tells puts that right and resumes.
 *
 * Strict: one unconfirmed message per ordering key, each settled when it is confirmed. Relaxed: everything at once, and
 * settled only in order: what was confirmed behind a refused message is sent again after it, so that the newest event of
 * a key is the last one sent.
 */
export class RabbitSender {
  private readonly order: SendOrder;
  private readonly wire: Wire;
  private readonly unroutable: UnroutableLog;
  private link: RabbitLink | undefined;
  private sending = false;
  private congested = false;
  private broken = false;
  private fresh = false;
  private highestSent = 0;
  private halt: AppError | undefined;
  /** Relaxed: confirmed, but not everything before them. */
  private readonly early = new Set<number>();
  /** Refused and not stored since. */
  readonly refused = new Set<number>();
  /** Went out as dead letters. */
  private readonly letters = new Set<number>();
  /** The broker's limit as far as it told. */
  private limitBytes = Infinity;
  private pumpIsDue = false;
  private readonly gathered = (): void => {
    this.pumpIsDue = false;
    this.pump();
  };

  constructor(
    private readonly parts: SenderParts,
    private readonly hooks: SenderHooks,
  ) {
    this.order = parts.ordering === 'strict' ? new KeyedLanes() : new PipelinedOrder();
    this.unroutable = new UnroutableLog(parts.logger, parts.exchange);
    this.wire = new Wire(parts.window, parts.clock, parts.ackTimeoutMs, (waitedMs) =>
      this.stop({ kind: 'lost', error: overdueError(parts.exchange, waitedMs) }),
    );
  }

  get isSending(): boolean {
    return this.sending;
  }

  /** A message was met that ends the service; only what was sent before it is still waited for. */
  get isHalting(): boolean {
    return this.halt !== undefined;
  }

  /** Whether everything on the wire has been confirmed or refused. */
  get isIdle(): boolean {
    return this.wire.isIdle;
  }

  /** Learns the size that the broker takes at most; Infinity = unknown (again). False when it was known. */
  learnLimit(bytes: number): boolean {
    const known = bytes === this.limitBytes;
    this.limitBytes = bytes;
    return !known;
  }

  offer(event: OutgoingEvent): void {
    this.order.offer(event);
  }

  /** Sends everything unsettled, in order, as far as the order and the wire allow. */
  resume(link: RabbitLink): void {
    this.link = link;
    this.halt = undefined;
    this.broken = false;
    this.congested = false;
    this.fresh = true;
    this.early.clear();
    this.wire.reset(link.upcomingTag);
    this.wire.suspend(link.blockedReason !== undefined);
    this.order.clear();
    const { window } = this.parts;
    for (let seq = window.head; seq < window.end; seq++) {
      const event = window.at(seq);
      if (event === undefined) continue;
      window.markSent(seq, 0);
      this.order.offer(event);
    }
    this.sending = true;
    this.pump();
  }

  /** The link is gone (confirmations never come), maybe for a message's size, or the end has come. */
  abandon(isForSize = false): void {
    if (!isForSize && !this.broken && !this.wire.isIdle) this.parts.metrics.problem('ack');
    this.sending = false;
    this.broken = true;
    this.link = undefined;
    this.wire.reset(1);
  }

  /** Stops sending; confirmations of what is on the wire still count. */
  pause(): void {
    this.sending = false;
  }

  whenAnswered(): Promise<void> {
    return this.wire.whenIdle();
  }

  /** The client has written what it held back. */
  drained(): void {
    this.congested = false;
    this.pump();
  }

  /** The broker does not read from us, or does again. */
  blocked(blocked: boolean): void {
    this.wire.suspend(blocked);
    if (!blocked) this.pump();
  }

  pump(): void {
    const { link, wire, parts } = this;
    if (!this.sending || link === undefined) return;
    const nowMs = parts.clock.now();
    let attempts = 0;
    let retries = 0;
    while (this.sending && !this.congested && !wire.isFull && link.blockedReason === undefined) {
      const event = this.order.next();
      if (event === undefined) break;
      if (!this.send(link, event, nowMs)) continue;
      attempts += 1;
      if (event.seq <= this.highestSent) retries += 1;
      else this.highestSent = event.seq;
    }
    if (!link.flush()) this.congested = true;
    if (attempts > 0) parts.metrics.publishAttempts(attempts);
    if (retries > 0) parts.metrics.publishRetries(retries);
    this.finishHalt();
  }

  /** The broker took or refused a message, or all up to it. */
  confirmed(tag: number, multiple: boolean, positive: boolean): void {
    const { wire } = this;
    if (multiple) while (wire.firstTag <= tag && this.confirmOne(wire.firstTag, positive));
    else this.confirmOne(tag, positive);
    wire.wakeWhenIdle();
    this.finishHalt();
    if (wire.hasRoom) this.pump();
    else if (!wire.isFull && !this.pumpIsDue) {
      // A queue that stands still can hold most of the wire: what is ready may not wait for that.
      this.pumpIsDue = true;
      this.parts.clock.after(GATHER_MS, this.gathered);
    }
  }

  /** No queue wanted the message with this id: its (positive) confirmation is still to come. */
  returned(messageId: string): void {
    this.wire.markReturned((event) => eventId(event) === messageId);
  }

  /** False when there is no such message. */
  private confirmOne(tag: number, positive: boolean): boolean {
    const event = this.wire.take(tag);
    if (event === undefined) return false;
    if (!positive) this.refuse(event, nackError(event, this.parts.exchange));
    else if (this.wire.wasReturned(tag)) this.notRouted(event);
    else this.stored(event);
    return true;
  }

  private send(link: RabbitLink, event: OutgoingEvent, nowMs: number): boolean {
    const sizeBytes = event.end - event.start;
    if (sizeBytes > this.limitBytes) {
      const poison = { event, sizeBytes, limitBytes: this.limitBytes, limitName: LIMIT_NAME };
      return this.poisoned(link, poison, nowMs);
    }
    this.hand(link, event, nowMs);
    return true;
  }

  private hand(link: RabbitLink, event: OutgoingEvent, nowMs: number): void {
    this.wire.add(event, nowMs);
    if (!link.publish(event, event.route.topic, event.slab, event.start, event.end)) this.congested = true;
  }

  /** Sends the letter in the event's place, under its id. */
  private handLetter(link: RabbitLink, event: OutgoingEvent, letter: Buffer, nowMs: number): void {
    this.wire.add(event, nowMs);
    if (!link.publish(event, this.parts.deadLetterKey, letter, 0, letter.length)) this.congested = true;
  }

  private poisoned(link: RabbitLink, poison: Poison, nowMs: number): boolean {
    const { event } = poison;
    const { onPoison, deadLetterKey } = this.parts;
    if (mustHalt(onPoison, poison, 0)) {
      // What was sent before it is waited for, so that the next start meets it first.
      this.sending = false;
      this.halt = poisonError(poison);
      return false;
    }
    // One that is sent again was told before.
    if (!this.letters.has(event.seq)) notePassedOver(onPoison, poison, deadLetterKey, this.parts);
    if (onPoison === 'skip') {
      this.passOver(event);
      return false;
    }
    this.letters.add(event.seq);
    this.handLetter(link, event, deadLetterBody(poison), nowMs);
    return true;
  }

  private finishHalt(): void {
    if (this.halt === undefined || this.broken || !this.wire.isIdle) return;
    this.broken = true;
    this.parts.metrics.problem('publish');
    this.hooks.fatal(this.halt);
  }

  private passOver(event: OutgoingEvent): void {
    if (this.parts.ordering === 'strict') this.settle(event);
    else this.settleInOrder(event);
  }

  private stored(event: OutgoingEvent): void {
    this.passOver(event);
    // The trouble lasts until what was refused is stored.
    if (!this.fresh || this.refused.size > 0) return;
    this.fresh = false;
    this.hooks.stored();
  }

  private settleInOrder(event: OutgoingEvent): void {
    const { window } = this.parts;
    // The broker refuses at once and confirms later: what comes now may lie before a refused message.
    this.early.add(event.seq);
    while (this.early.delete(window.head)) {
      const first = window.at(window.head);
      if (first !== undefined) this.settle(first);
    }
  }

  private settle(event: OutgoingEvent): void {
    if (!this.parts.window.settle(event.seq)) return;
    if (this.letters.size > 0) this.letters.delete(event.seq);
    if (this.refused.size > 0) this.refused.delete(event.seq);
    this.order.done(event);
    this.parts.settle.add(event.seq);
  }

  private notRouted(event: OutgoingEvent): void {
    const { unroutable, exchange, deadLetterKey, metrics } = this.parts;
    const isLetter = this.letters.has(event.seq);
    const key = isLetter ? deadLetterKey : event.route.topic;
    const error = unroutableError(exchange, key);
    if (unroutable === 'block') {
      this.refuse(event, error);
    } else if (isLetter) {
      // A dead letter that nobody keeps is no letter: the message may not be passed over.
      this.sending = false;
      this.halt ??= new AppError('POISON', `a dead letter found no queue: ${error.message}`, { remedy: error.remedy });
    } else {
      metrics.problem('publish');
      metrics.passedOver('unroutable', 1);
      this.unroutable.warn(key, error);
      this.stored(event);
    }
  }

  private refuse(event: OutgoingEvent, error: AppError): void {
    this.refused.add(event.seq);
    this.stop({ kind: 'refused', error });
  }

  private stop(failure: SendFailure): void {
    if (this.broken) return;
    this.broken = true;
    this.sending = false;
    this.parts.metrics.problem(failure.kind === 'refused' ? 'publish' : 'ack');
    this.hooks.stopped(failure);
  }
}
