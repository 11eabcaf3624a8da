import { isIP } from 'node:net';
import { type ConnectionOptions, credsAuthenticator, nkeyAuthenticator, type TlsOptions } from 'nats';
import type { PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';
import { credentialFile, pemFile } from '../credential-file.js';

/** Bytes the client gathers before it writes in the midst of a gulp: one write per gulp is the aim. */
const PENDING_LIMIT_BYTES = 1024 * 1024;
const PING_INTERVAL_MS = 15_000;

/** One server of `publisher.address`: `host:port`, `nats://user:password@host:port`, `tls://…`. */
export interface NatsServer {
  /** `host:port` without credentials; safe to log. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
}

/** @throws AppError BROKER_CONFIG for an address that cannot be read */
export function parseServer(address: string): NatsServer {
  const match = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/i.exec(address.trim());
  const scheme = (match?.[1] ?? 'nats').toLowerCase();
  try {
    const url = new URL(`nats://${match?.[2] ?? ''}`);
    if (url.hostname === '' || !['nats', 'tls'].includes(scheme)) throw new TypeError('no host or unknown scheme');
    return {
      address: `${url.hostname}:${url.port === '' ? '4222' : url.port}`,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? 4222 : Number(url.port),
      username: url.username === '' ? undefined : decodeURIComponent(url.username),
      password: url.password === '' ? undefined : decodeURIComponent(url.password),
      tls: scheme === 'tls',
    };
  } catch (error) {
    // The address may hold a password: neither it nor the cause, which has it as a property, is repeated.
    throw new AppError('BROKER_CONFIG', 'publisher.address has an entry that is no NATS address', {
      facts: { reason: error instanceof URIError ? 'a wrong percent-encoding' : 'not host:port or a URL' },
      remedy: 'Write host:port, nats://user:password@host:port or tls://host:port, special characters percent-encoded.',
    });
  }
}

/**
 * The client's options for one server. Credential and certificate files are read anew each time, so that rotated ones
 * are taken at the next connection. The client's own reconnecting is off: what it buffers while it reconnects would be
 * sent behind our back, and it waits for ever to flush a stalled socket.
 *
 * @throws AppError BROKER_CONFIG naming the file that cannot be read
 */
export async function connectOptions(
  publisher: PublisherConfig,
  server: NatsServer,
  timeoutMs: number,
): Promise<ConnectionOptions & { readonly pendingLimit: number }> {
  const tls = publisher.tls.enabled || server.tls ? await tlsOptions(publisher.tls, server) : undefined;
  return {
    servers: [server.address],
    name: 'wal-listener',
    reconnect: false,
    timeout: timeoutMs,
    noAsyncTraces: true,
    pingInterval: PING_INTERVAL_MS,
    ignoreClusterUpdates: true,
    pendingLimit: PENDING_LIMIT_BYTES,
    ...(await authOptions(publisher, server)),
    ...(tls === undefined ? {} : { tls }),
  };
}

async function authOptions(publisher: PublisherConfig, server: NatsServer): Promise<Partial<ConnectionOptions>> {
  if (publisher.credsFile !== undefined) {
    const creds = await credentialFile('publisher.credsFile', publisher.credsFile);
    return { authenticator: credsAuthenticator(creds) };
  }
  if (publisher.nkeySeedFile !== undefined) {
    const text = (await credentialFile('publisher.nkeySeedFile', publisher.nkeySeedFile)).toString('latin1');
    const seed = /\bS[A-Z2-7]{50,}\b/.exec(text)?.[0];
    if (seed === undefined) {
      throw new AppError('BROKER_CONFIG', `publisher.nkeySeedFile ${publisher.nkeySeedFile} holds no nkey seed`);
    }
    return { authenticator: nkeyAuthenticator(Buffer.from(seed)) };
  }
  const user = publisher.username ?? server.username;
  if (publisher.token !== undefined) return { token: publisher.token };
  if (user !== undefined) {
    const pass = publisher.username === undefined ? server.password : publisher.password;
    // `nats://token@host` is how a token is written in an address.
    if (publisher.username === undefined && pass === undefined) return { token: user };
    return { user, pass: pass ?? '' };
  }
  return {};
}

async function tlsOptions(tls: PublisherConfig['tls'], server: NatsServer): Promise<TlsOptions> {
  const options: Record<string, unknown> = {};
  if (tls.caCert !== undefined) options.ca = await pemFile('publisher.caCert', tls.caCert);
  if (tls.clientCert !== undefined) options.cert = await pemFile('publisher.clientCert', tls.clientCert);
  if (tls.clientKey !== undefined) options.key = await pemFile('publisher.clientKey', tls.clientKey);
  if (tls.serverName !== undefined) options.servername = tls.serverName;
  // Without a name Node would compare the certificate with "localhost".
  else if (isIP(server.host) !== 0) options.host = server.host;
  return options;
}
