import { connect, type ConnectionOptions } from 'nats';
import { type NatsServer, type NatsServerOptions, startNats } from '../../support/nats-server.js';
import { type DurableBroker, TOPIC } from './broker-under-test.js';
import type { Ledger } from './ledger.js';

/** A nats-server; the service creates the stream. */
export class NatsBroker implements DurableBroker {
  private constructor(readonly server: NatsServer) {}

  static async start(this: void, options: NatsServerOptions = {}): Promise<NatsBroker> {
    return new NatsBroker(await startNats(options));
  }

  get env(): Readonly<Record<string, string>> {
    return { WAL_PUBLISHER_TYPE: 'nats', WAL_PUBLISHER_ADDRESS: this.server.url };
  }

  read(ledger: Ledger): Promise<void> {
    return readStream(this.server.url, TOPIC, ledger);
  }

  kill(): Promise<void> {
    return this.server.kill();
  }

  start(): Promise<void> {
    return this.server.start();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }
}

/** Reads a whole stream, from its first message to the last one stored when it begins, as a consumer of its own. */
export async function readStream(
  address: string,
  stream: string,
  ledger: Ledger,
  options: ConnectionOptions = {},
): Promise<void> {
  const connection = await connect({ servers: address, timeout: 10_000, ...options });
  try {
    const manager = await connection.jetstreamManager();
    const { state } = await manager.streams.info(stream);
    if (state.messages === 0) return;
    const consumer = await connection.jetstream().consumers.get(stream);
    const messages = await consumer.consume({ max_messages: 2000 });
    for await (const message of messages) {
      ledger.add(message.string(), stream, message.headers?.get('Nats-Msg-Id') ?? '');
      if (message.seq >= state.last_seq) break;
    }
  } finally {
    await connection.close();
  }
}
