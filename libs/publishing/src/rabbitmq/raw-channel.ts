import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ConfirmChannel } from 'amqplib';
import { AppError } from '#lib/kernel';

/** The version whose channels are known to look like this inside. */
const KNOWN_VERSION = '2.3.1';

/** What amqplib keeps to itself. */
interface Inside {
  readonly ch: number;
  readonly connection: {
    readonly frameMax: number;
    sentSinceLastCheck: boolean;
    readonly channels: readonly ({ readonly buffer: { write(bytes: Buffer): boolean } } | null | undefined)[];
  };
}

/**
 * A confirm channel that takes frames as bytes. The client's own publish() makes half a dozen buffers and one write to
 * the socket for each message, which was the greater part of what a message cost this process; so many messages go in
 * one buffer and one write. They take the same way through the client as its own frames, in the same order.
 */
export class RawChannel {
  private readonly inside: Inside;

  /** @throws AppError BROKER_CONFIG when another version of the client is installed */
  constructor(channel: ConfirmChannel, version = installedVersion()) {
    if (version !== KNOWN_VERSION) {
      throw new AppError(
        'BROKER_CONFIG',
        `amqplib ${version} is installed; RabbitMQ publishing needs ${KNOWN_VERSION}`,
        {
          remedy: `npm install amqplib@${KNOWN_VERSION}`,
        },
      );
    }
    this.inside = channel as unknown as Inside;
    // The client keeps a list of what its own publish() sent; with nothing in it confirmations would only leave gaps.
    channel.removeAllListeners('ack');
    channel.removeAllListeners('nack');
  }

  /** The channel's number on its connection. */
  get number(): number {
    return this.inside.ch;
  }

  /** The largest frame that was agreed on, in bytes. */
  get frameMax(): number {
    return this.inside.connection.frameMax;
  }

  /** Hands whole frames over; they must never be written again. False asks for a pause until the channel's `drain`. */
  write(frames: Buffer): boolean {
    const { ch, connection } = this.inside;
    // The heartbeat's timer asks for it.
    connection.sentSinceLastCheck = true;
    return connection.channels[ch]?.buffer.write(frames) ?? false;
  }
}

/** The package does not export its package.json, which lies beside its main file. */
function installedVersion(): string {
  const main = createRequire(import.meta.url).resolve('amqplib');
  const { version } = JSON.parse(readFileSync(join(dirname(main), 'package.json'), 'utf8')) as { version: string };
  return version;
}
