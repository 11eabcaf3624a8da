import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AppError } from '#lib/kernel';
import { mapConnectionError } from '../map-kafka-error.js';
import { BrokerSession } from './broker-session.js';
import type { ConnectContext } from './connect-context.js';
import { addressText, type BrokerAddress, tlsOptions } from './connect-options.js';
import { KafkaConnection } from './kafka-connection.js';

const KEEP_ALIVE_DELAY_MS = 30_000;

/**
 * Connects to a broker and authenticates.
 *
 * @param onLost called once when the ready connection is lost, before what waits is rejected
 * @throws AppError BROKER_UNREACHABLE (also when aborted), BROKER_TIMEOUT, BROKER_AUTH, BROKER_TLS, BROKER_CONFIG
 */
export async function openSession(
  context: ConnectContext,
  address: BrokerAddress,
  signal: AbortSignal,
  onLost: (error: AppError, outstanding: number) => void = () => undefined,
): Promise<BrokerSession> {
  const { clock, connectTimeoutMs, publisher } = context;
  const broker = addressText(address);
  const tls = await tlsOptions(publisher.tls, address);
  if (signal.aborted) throw aborted(broker);
  const socket = tls === undefined ? connectTcp(address) : connectTls({ ...address, ...tls });
  const opening = new Opening(socket, broker);
  const onAbort = () => opening.fail(aborted(broker));
  signal.addEventListener('abort', onAbort, { once: true });
  const cancelTimeout = clock.after(connectTimeoutMs, () => opening.fail(noAnswer(broker, connectTimeoutMs)));
  try {
    await opening.connected(tls === undefined ? 'connect' : 'secureConnect');
    let ready = false;
    const connection = new KafkaConnection(socket, broker, context.clientId, clock, (error, outstanding) => {
      if (ready) onLost(error, outstanding);
    });
    opening.use(connection);
    const session = await BrokerSession.start(connection, address, context);
    ready = true;
    return session;
  } catch (error) {
    throw opening.failed(error);
  } finally {
    cancelTimeout();
    signal.removeEventListener('abort', onAbort);
  }
}

/** A connection in the making, which can be given up at any moment. */
class Opening {
  private failure: AppError | undefined;
  private connection: KafkaConnection | undefined;
  private giveUp: (error: AppError) => void = () => undefined;

  constructor(
    private readonly socket: Socket,
    private readonly broker: string,
  ) {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
  }

  connected(event: 'connect' | 'secureConnect'): Promise<void> {
    const { socket } = this;
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error('the connection was closed before it was ready'));
      this.giveUp = reject;
      socket.once('error', reject);
      socket.once('close', ended);
      socket.once(event, () => {
        socket.off('error', reject);
        socket.off('close', ended);
        resolve();
      });
    });
  }

  use(connection: KafkaConnection): void {
    this.connection = connection;
    if (this.failure !== undefined) connection.destroy(this.failure);
  }

  fail(error: AppError): void {
    this.failure ??= error;
    this.giveUp(error);
    this.connection?.destroy(error);
    this.destroySocket();
  }

  /** The reason to give, when `error` ended the attempt; nothing of the connection is left. */
  failed(error: unknown): AppError {
    const reason = this.failure ?? mapConnectionError(error, this.broker);
    this.connection?.destroy(reason);
    this.destroySocket();
    return reason;
  }

  private destroySocket(): void {
    // A late error of a socket that nobody uses any more must not end the process.
    this.socket.on('error', () => undefined);
    this.socket.destroy();
  }
}

function aborted(broker: string): AppError {
  return new AppError('BROKER_UNREACHABLE', `Kafka broker ${broker}: connecting was aborted`);
}

function noAnswer(broker: string, timeoutMs: number): AppError {
  return new AppError('BROKER_UNREACHABLE', `Kafka broker ${broker}: no connection within ${String(timeoutMs)} ms`);
}
