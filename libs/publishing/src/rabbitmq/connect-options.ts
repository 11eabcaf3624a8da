import { isIP } from 'node:net';
import { credentials, type Options, type SocketOptions } from 'amqplib';
import type { PublisherConfig } from '#lib/config';
import { pemFile } from '../credential-file.js';
import type { BrokerAddress } from './broker-address.js';

/** A silent broker is given up after two to three of these, and the broker does the same with us. */
const HEARTBEAT_S = 5;

/** Where to connect to and how, as the client takes it. */
export interface ConnectOptions {
  readonly url: Options.Connect;
  readonly socket: SocketOptions;
  /** Whom the broker will know us as; for messages. */
  readonly user: string;
}

/**
 * The client's options for one broker. Certificate files are read anew each time, so that rotated ones are taken at the
 * next connection. Who we are: publisher.username, else the address's user, else the client certificate (SASL EXTERNAL),
 * else RabbitMQ's own default `guest`.
 *
 * @param signal destroys the socket, at once and for good: the client itself waits for the peer
 * @throws AppError BROKER_CONFIG naming the file that cannot be read
 */
export async function connectOptions(
  publisher: PublisherConfig,
  broker: BrokerAddress,
  signal: AbortSignal,
): Promise<ConnectOptions> {
  const { tls } = publisher;
  const user = publisher.username ?? broker.username;
  const password = publisher.username === undefined ? broker.password : publisher.password;
  const external = user === undefined && broker.tls && tls.clientCert !== undefined;
  return {
    url: {
      protocol: broker.tls ? 'amqps' : 'amqp',
      hostname: broker.host,
      port: broker.port,
      // The client decodes it.
      vhost: encodeURIComponent(broker.vhost),
      username: user ?? 'guest',
      password: user === undefined ? 'guest' : (password ?? ''),
      heartbeat: HEARTBEAT_S,
    },
    socket: {
      signal,
      noDelay: true,
      keepAlive: true,
      clientProperties: { connection_name: 'wal-listener' },
      ...(external && { credentials: credentials.external() }),
      ...(broker.tls && (await tlsOptions(tls, broker))),
    } as SocketOptions,
    user: external ? 'of the client certificate' : `"${user ?? 'guest'}"`,
  };
}

async function tlsOptions(tls: PublisherConfig['tls'], broker: BrokerAddress): Promise<Record<string, unknown>> {
  // Said, or NODE_TLS_REJECT_UNAUTHORIZED would decide.
  const options: Record<string, unknown> = { rejectUnauthorized: true };
  if (tls.caCert !== undefined) options['ca'] = await pemFile('publisher.caCert', tls.caCert);
  if (tls.clientCert !== undefined) options['cert'] = await pemFile('publisher.clientCert', tls.clientCert);
  if (tls.clientKey !== undefined) options['key'] = await pemFile('publisher.clientKey', tls.clientKey);
  if (tls.serverName !== undefined) options['servername'] = tls.serverName;
  else if (isIP(broker.host) === 0) options['servername'] = broker.host;
  return options;
}
