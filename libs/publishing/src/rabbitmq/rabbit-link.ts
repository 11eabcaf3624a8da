import { type Channel, type ChannelModel, type ConfirmChannel, connect, type Message } from 'amqplib';
import type { PublisherConfig } from '#lib/config';
import type { OutgoingEvent } from '#lib/events';
import { AppError, toAppError, withTimeout } from '#lib/kernel';
import type { BrokerAddress } from './broker-address.js';
import { connectOptions } from './connect-options.js';
import { FrameWriter } from './frame-writer.js';
import { mapChannelError, mapConnectionError, type Party, sizeLimitOf } from './map-rabbitmq-error.js';
import { RawChannel } from './raw-channel.js';

/** What a link reports; none of it may throw. */
export interface LinkListener {
  /** The broker took (or with `positive` false refused) the message with this delivery tag, or all up to it. */
  confirmed(link: RabbitLink, tag: number, multiple: boolean, positive: boolean): void;
  /** No queue wanted the message with this id; its confirmation follows. */
  returned(link: RabbitLink, messageId: string, reason: string): void;
  /** After `publish` returned false: there is room again. */
  drained(link: RabbitLink): void;
  /** The broker does not read from us for this reason, an alarm (undefined: it does again). */
  blocked(link: RabbitLink, reason: string | undefined): void;
  /**
   * The link is dead: nothing more is sent or received on it. Called once, also after `destroy`.
   * @param sizeLimitBytes the broker's limit, when the link ended because a message exceeded it
   */
  lost(link: RabbitLink, error: AppError, sizeLimitBytes: number | undefined): void;
}

/** Buffers of frames that wait inside the client before it asks for a pause. */
const HIGH_WATER_BUFFERS = 64;

/**
 * One connection with one confirm channel, never re-made: whoever holds it opens another when it is lost. A channel that
 * the broker closes ends the connection too: its number would be given to the next one while frames of it may still
 * wait inside the client.
 */
export class RabbitLink {
  private alive = true;
  private nextTag = 1;
  private raw: RawChannel | undefined;
  private writer: FrameWriter | undefined;
  private lastChannelError: unknown;
  /** Why the broker does not read from us; undefined when it does. */
  blockedReason: string | undefined;

  private constructor(
    private readonly model: ChannelModel,
    readonly party: Party,
    private readonly exchange: string,
    private readonly metadata: boolean,
    private readonly cutter: AbortController,
    private readonly listener: LinkListener,
  ) {
    // An 'error' that nobody listens to ends the process; what matters comes with 'close'.
    model.on('error', () => undefined);
    model.on('close', (error) => this.onLost(this.lastChannelError ?? error));
    model.on('blocked', (reason) => this.onBlocked(reason));
    model.on('unblocked', () => this.onBlocked(undefined));
  }

  /**
   * Connects, without a channel to publish on yet.
   * @param admitted a broker of those configured let us in before
   * @throws AppError BROKER_UNREACHABLE, BROKER_AUTH, BROKER_TLS, BROKER_CONFIG
   */
  static async open(
    publisher: PublisherConfig,
    broker: BrokerAddress,
    admitted: boolean,
    timeoutMs: number,
    listener: LinkListener,
    signal: AbortSignal,
  ): Promise<RabbitLink> {
    const cutter = new AbortController();
    const options = await connectOptions(publisher, broker, cutter.signal);
    const party = { address: broker.address, vhost: broker.vhost, user: options.user, tls: broker.tls, admitted };
    const cut = () => cutter.abort();
    const timer = setTimeout(cut, timeoutMs);
    signal.addEventListener('abort', cut, { once: true });
    try {
      if (signal.aborted) throw new AppError('BROKER_UNREACHABLE', 'connecting was aborted');
      const model = await connect(options.url, options.socket);
      return new RabbitLink(model, { ...party, admitted: true }, publisher.topic, publisher.metadata, cutter, listener);
    } catch (error) {
      cut();
      throw mapConnectionError(error, party);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', cut);
    }
  }

  /** Opens the channel to publish on; once. @throws AppError */
  async openChannel(): Promise<void> {
    let channel: ConfirmChannel;
    try {
      channel = await this.model.createConfirmChannel({ highWaterMark: HIGH_WATER_BUFFERS });
    } catch (error) {
      throw mapChannelError(error, 'a channel', this.party);
    }
    const raw = new RawChannel(channel);
    channel.on('ack', ({ deliveryTag, multiple }) => this.onConfirm(deliveryTag, multiple, true));
    channel.on('nack', ({ deliveryTag, multiple }) => this.onConfirm(deliveryTag, multiple, false));
    channel.on('return', (message: Message) => this.onReturn(message));
    channel.on('drain', () => this.guard(() => this.listener.drained(this)));
    channel.on('error', (error) => (this.lastChannelError = error));
    // When the whole connection ends it says why in a moment.
    channel.on('close', () => queueMicrotask(() => this.onLost(this.lastChannelError)));
    this.writer = new FrameWriter(raw.number, raw.frameMax, this.exchange, this.metadata);
    this.raw = raw;
  }

  get isAlive(): boolean {
    return this.alive;
  }

  /** The delivery tag that the next message will have. */
  get upcomingTag(): number {
    return this.nextTag;
  }

  /**
   * Takes one message, whose body is bytes start..end; they are copied. It goes out with `flush`, or before. False asks
   * for a pause until `drained`.
   */
  publish(event: OutgoingEvent, routingKey: string, body: Buffer, start: number, end: number): boolean {
    const { writer } = this;
    if (!this.alive || writer === undefined) return false;
    this.nextTag += 1;
    if (writer.tryAppend(event, routingKey, body, start, end)) return true;
    const goesOn = this.flush();
    writer.tryAppend(event, routingKey, body, start, end);
    return goesOn;
  }

  /** Sends what was taken. False asks for a pause until `drained`. */
  flush(): boolean {
    const { writer, raw } = this;
    if (!this.alive || writer === undefined || raw === undefined || writer.pendingBytes === 0) return true;
    return raw.write(writer.take());
  }

  /**
   * Does something on a channel of its own, so that a refusal does not end the publishing one.
   * @param what for the message of an error
   */
  async onScratchChannel<T>(what: string, use: (channel: Channel) => Promise<T>): Promise<T> {
    try {
      const channel = await this.model.createChannel();
      let open = true;
      channel.on('error', () => undefined);
      channel.on('close', () => (open = false));
      const result = await use(channel);
      // Nothing depends on its end.
      if (open) channel.close().catch(() => undefined);
      return result;
    } catch (error) {
      throw mapChannelError(error, what, this.party);
    }
  }

  /** A round trip to the broker on a channel of its own. @throws AppError BROKER_UNREACHABLE, BROKER_TIMEOUT */
  async ping(timeoutMs: number): Promise<void> {
    const timedOut = () => new AppError('BROKER_TIMEOUT', `RabbitMQ ${this.party.address} does not answer`);
    await withTimeout(
      this.onScratchChannel('health check', () => Promise.resolve()),
      timeoutMs,
      timedOut,
    );
  }

  /** Says goodbye, so that the broker ends the connection in order; at most `timeoutMs`, then cuts it. */
  async close(timeoutMs: number): Promise<void> {
    if (this.alive) {
      const timedOut = () => new AppError('BROKER_TIMEOUT', 'no answer to the goodbye');
      await withTimeout(this.model.close(), timeoutMs, timedOut).catch(() => undefined);
    }
    this.destroy();
  }

  /** Cuts the connection: what is not written to the socket by now never will be. */
  destroy(): void {
    this.onLost(new AppError('BROKER_UNREACHABLE', 'closed'));
  }

  private onConfirm(tag: number, multiple: boolean, positive: boolean): void {
    if (this.alive) this.guard(() => this.listener.confirmed(this, tag, multiple, positive));
  }

  private onReturn({ properties, fields }: Message): void {
    const id: unknown = properties.messageId;
    const reason = 'replyText' in fields && typeof fields.replyText === 'string' ? fields.replyText : 'NO_ROUTE';
    this.guard(() => this.listener.returned(this, typeof id === 'string' ? id : '', reason));
  }

  private onBlocked(reason: string | undefined): void {
    this.blockedReason = reason;
    this.guard(() => this.listener.blocked(this, reason));
  }

  /** A throw in here would be taken for a broken frame. */
  private guard(report: () => void): void {
    try {
      if (this.alive) report();
    } catch (error) {
      this.onLost(toAppError(error));
    }
  }

  private onLost(cause: unknown): void {
    if (!this.alive) return;
    this.alive = false;
    // The client would only end its side, and flush what it holds when a stalled network comes back.
    this.cutter.abort();
    const what = `publishing to exchange "${this.exchange}"`;
    const error =
      cause === this.lastChannelError && cause !== undefined
        ? mapChannelError(cause, what, this.party)
        : mapConnectionError(cause, this.party);
    this.listener.lost(this, error, sizeLimitOf(cause));
  }
}
