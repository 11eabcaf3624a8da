import type { OutgoingEvent } from '#lib/events';
import type { AppError } from '#lib/kernel';
import { deadLetterBody, mustHalt, type Poison, poisonError, notePassedOver } from '../poison.js';
import { HeaderWriter } from './header-writer.js';
import { IdCopy, type IdBearer } from './id-copy.js';
import { JS_ERROR, type JetStreamError, noResponders, notAcknowledged } from './map-nats-error.js';
import type { NatsLink } from './nats-link.js';
import type { SendMode } from './send-mode.js';
import { SendTarget } from './send-target.js';
import { failureOf, type SendFailure } from './send-failure.js';
import type { SenderHooks, SenderParts } from './sender-ports.js';
import type { StreamConfig } from './stream-facts.js';
import { Wire } from './wire.js';

/**
 * Sends what the order gives, over one link at a time, and settles what is acknowledged. Stops at the first thing that
 * goes wrong and says so; whoever it tells puts that right and resumes.
 */
export class NatsSender {
  private readonly header: HeaderWriter;
  private readonly wire: Wire;
  private target: SendTarget | undefined;
  private sending = false;
  private broken = false;
  /** Something on the wire has to be sent again: in the chain what is behind it counts only when it is sent after it. */
  private disordered = false;
  private fresh = false;
  private highestSent = 0;
  /** The chain: the event sent before, or (at its start) the stream's last sequence. */
  private previous: IdBearer | undefined;
  private readonly previousId = new IdCopy();
  private lastSequence = -1;
  /** Sent without an id in the chain: nothing follows until it is answered. */
  private solo: OutgoingEvent | undefined;
  private halt: AppError | undefined;
  private last: { readonly event: IdBearer; readonly seq: number } | undefined;
  private readonly lastId = new IdCopy();
  /** Stored, but before a repeat of an earlier event: to be stored once more. */
  private readonly repeats = new Set<number>();
  private readonly letters = new Set<number>();
  /** Refused by the stream for their size. */
  private readonly tooLarge = new Set<number>();

  constructor(
    private readonly parts: SenderParts,
    private mode: SendMode,
    private readonly hooks: SenderHooks,
  ) {
    this.header = new HeaderWriter(parts.metadata);
    this.wire = new Wire(parts.window, parts.clock, parts.ackTimeoutMs, (waitedMs) =>
      this.stop({ kind: 'lost', error: notAcknowledged(this.streamName, waitedMs) }),
    );
  }

  get isSending(): boolean {
    return this.sending;
  }

  /** A message was met that ends the service; only what was sent before it is still waited for. */
  get isHalting(): boolean {
    return this.halt !== undefined;
  }

  get isChained(): boolean {
    return this.mode.chained;
  }

  /** Whether everything on the wire has been answered. */
  get isIdle(): boolean {
    return this.wire.isIdle;
  }

  /** The highest seq ever handed to a link; 0 = none. */
  get highestSentSeq(): number {
    return this.highestSent;
  }

  /** The event known to be stored last, with its sequence in the stream. */
  get lastStored(): { readonly event: IdBearer; readonly seq: number } | undefined {
    return this.last;
  }

  /** Changes how events are sent; only while not sending. */
  use(mode: SendMode): void {
    this.mode = mode;
  }

  offer(event: OutgoingEvent): void {
    this.mode.order.offer(event);
  }

  /** Counts an event as stored that was read in the stream. */
  proven(event: OutgoingEvent, streamSeq: number): void {
    this.last = { event: this.lastId.take(event), seq: streamSeq };
    this.settle(event);
  }

  /**
   * Sends everything unsettled, in order, as far as the order and the wire allow.
   *
   * @param lastSequence the stream's last sequence
   * @param afterOurs the stream's last message is known: whatever of ours it holds counts as settled already
   */
  resume(link: NatsLink, stream: StreamConfig, lastSequence: number, afterOurs: boolean): void {
    this.target = new SendTarget(link, stream);
    this.lastSequence = lastSequence;
    if (afterOurs) this.mode.proof.raise(lastSequence);
    this.previous = undefined;
    this.solo = undefined;
    this.halt = undefined;
    this.broken = false;
    this.disordered = false;
    this.fresh = true;
    this.wire.reset();
    this.mode.order.clear();
    for (let seq = this.parts.window.head; seq < this.parts.window.end; seq++) {
      const event = this.parts.window.at(seq);
      if (event === undefined) continue;
      this.parts.window.markSent(seq, 0);
      this.mode.order.offer(event);
    }
    this.sending = true;
    this.pump();
  }

  /** The link is gone (answers never come), or the end has come: nothing more is sent. */
  abandon(): void {
    if (!this.broken && !this.wire.isIdle) this.parts.metrics.problem('ack');
    this.sending = false;
    this.broken = true;
    this.target = undefined;
    this.wire.reset();
  }

  /** Stops sending; answers to what is on the wire still count. */
  pause(): void {
    this.sending = false;
  }

  whenAnswered(): Promise<void> {
    return this.wire.whenIdle();
  }

  pump(): void {
    const { parts, wire, target } = this;
    if (!this.sending || target === undefined) return;
    const nowMs = parts.clock.now();
    let attempts = 0;
    let retries = 0;
    while (this.sending && this.solo === undefined && !wire.isFull) {
      const event = this.mode.order.next();
      if (event === undefined) break;
      if (!this.send(target, event, nowMs)) continue;
      attempts += 1;
      if (event.seq <= this.highestSent) retries += 1;
      else this.highestSent = event.seq;
    }
    if (attempts > 0) parts.metrics.publishAttempts(attempts);
    if (retries > 0) parts.metrics.publishRetries(retries);
    this.finishHalt();
  }

  /** An answer for the event with this seq, from the link in use. */
  reply(seq: number, data: Uint8Array): void {
    const event = this.parts.window.at(seq);
    if (event === undefined || this.target === undefined) return;
    const reply = this.target.acks.read(data);
    if (reply.kind === 'stored') this.stored(event, reply.seq, reply.duplicate);
    else if (reply.kind === 'refused') this.refused(event, reply.error);
    else this.stop({ kind: 'refused', error: noResponders(this.streamName) });
    this.wire.answered(event);
    this.finishHalt();
    if (this.wire.hasRoom) this.pump();
  }

  private send(target: SendTarget, event: OutgoingEvent, nowMs: number): boolean {
    const header = this.writeHeader(event);
    const sizeBytes = header.length + (event.end - event.start);
    const { bytes: limitBytes, name: limitName } = target.limit;
    if (sizeBytes > limitBytes || this.tooLarge.has(event.seq)) {
      return this.poisoned(target, { event, sizeBytes, limitBytes, limitName }, nowMs);
    }
    return this.hand(target, event, event.route.topic, header, event.slab.subarray(event.start, event.end), nowMs);
  }

  private hand(
    target: SendTarget,
    event: OutgoingEvent,
    subject: string,
    header: Buffer,
    body: Buffer,
    nowMs: number,
  ): boolean {
    if (!target.covers(subject)) {
      this.stop({ kind: 'uncovered', subject });
      return false;
    }
    this.wire.sent(event, nowMs);
    target.link.publish(subject, header, body, event.seq);
    if (this.mode.chained) {
      this.previous = this.previousId.take(event);
      this.lastSequence = -1;
      if (this.repeats.has(event.seq)) this.solo = event;
    }
    return true;
  }

  private get streamName(): string {
    return this.target?.stream.name ?? '';
  }

  private writeHeader(event: OutgoingEvent): Buffer {
    const withId = this.repeats.size === 0 || !this.repeats.has(event.seq);
    return this.mode.chained
      ? this.header.write(event, withId, this.previous, this.lastSequence)
      : this.header.write(event, withId, undefined, -1);
  }

  private poisoned(target: SendTarget, poison: Poison, nowMs: number): boolean {
    const { event } = poison;
    const { onPoison, deadLetterSubject } = this.parts;
    const header = this.writeHeader(event);
    if (mustHalt(onPoison, poison, header.length)) {
      // What was sent before it is waited for, so that the next start meets it first.
      this.sending = false;
      this.halt = poisonError(poison);
      return false;
    }
    if (onPoison === 'skip') {
      notePassedOver(onPoison, poison, deadLetterSubject, this.parts);
      this.settle(event);
      return false;
    }
    if (!this.hand(target, event, deadLetterSubject, header, deadLetterBody(poison), nowMs)) return false;
    if (!this.letters.has(event.seq)) notePassedOver(onPoison, poison, deadLetterSubject, this.parts);
    this.letters.add(event.seq);
    return true;
  }

  private finishHalt(): void {
    if (this.halt === undefined || this.broken || !this.wire.isIdle) return;
    this.broken = true;
    this.parts.metrics.problem('publish');
    this.hooks.fatal(this.halt);
  }

  private stored(event: OutgoingEvent, streamSeq: number, duplicate: boolean): void {
    if (this.disordered && this.mode.chained) return;
    if (this.mode.chained && !duplicate) this.settlePredecessors(event, streamSeq);
    if (!this.mode.proof.accept(event, streamSeq)) {
      this.repeats.add(event.seq);
      this.stop({ kind: 'again' });
      return;
    }
    if (this.solo === event) {
      this.solo = undefined;
      this.previous = undefined;
      this.lastSequence = streamSeq;
    }
    this.proven(event, streamSeq);
    if (!this.fresh) return;
    this.fresh = false;
    this.hooks.stored();
  }

  /** A message that was stored after the one it names proves that one stored, even if its answer got lost. */
  private settlePredecessors(event: OutgoingEvent, streamSeq: number): void {
    const { window } = this.parts;
    for (let seq = window.head; seq < event.seq; seq++) {
      const earlier = window.at(seq);
      if (earlier === undefined) continue;
      this.wire.answered(earlier);
      this.proven(earlier, streamSeq - 1);
    }
  }

  private settle(event: OutgoingEvent): void {
    if (!this.parts.window.settle(event.seq)) return;
    if (this.repeats.size > 0) this.repeats.delete(event.seq);
    if (this.letters.size > 0) this.letters.delete(event.seq);
    if (this.tooLarge.size > 0) this.tooLarge.delete(event.seq);
    this.mode.order.done(event);
    this.parts.settle.add(event.seq);
  }

  private refused(event: OutgoingEvent, error: JetStreamError): void {
    if (error.err_code === JS_ERROR.messageTooLarge) this.tooLarge.add(event.seq);
    this.stop(failureOf(error, this.streamName));
  }

  private stop(failure: SendFailure): void {
    if (this.broken) return;
    this.broken = true;
    this.disordered = failure.kind !== 'uncovered' && failure.kind !== 'lost';
    this.sending = false;
    if (failure.kind === 'refused') this.parts.metrics.problem('publish');
    else if (failure.kind === 'lost') this.parts.metrics.problem('ack');
    this.hooks.stopped(failure);
  }
}
