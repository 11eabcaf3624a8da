import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';
import { pemFile } from '../../credential-file.js';

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

const DEFAULT_PORT = 9092;

/** `host:port`; IPv6 in brackets. Without a port 9092. @throws AppError BROKER_CONFIG */
export function parseAddress(text: string): BrokerAddress {
  const match = /^(?:\[([^\]]+)\]|([^:/@\s]+))(?::(\d+))?$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (host === undefined || port < 1 || port > 65535) {
    throw new AppError('BROKER_CONFIG', 'publisher.address has an entry that is no Kafka address', {
      remedy: 'Write host:port, several separated by commas.',
    });
  }
  return { host, port };
}

export function addressText({ host, port }: BrokerAddress): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${String(port)}`;
}

/**
 * How to speak TLS with a broker; undefined = not at all. The files are read anew each time, so that rotated ones are
 * taken at the next connection. The broker's certificate is always verified, for `serverName` or else the address's host.
 *
 * @throws AppError BROKER_CONFIG naming the file that cannot be read
 */
export async function tlsOptions(
  tls: PublisherConfig['tls'],
  address: BrokerAddress,
): Promise<ConnectionOptions | undefined> {
  if (!tls.enabled) return undefined;
  const [ca, cert, key] = await Promise.all([
    pem('publisher.caCert', tls.caCert),
    pem('publisher.clientCert', tls.clientCert),
    pem('publisher.clientKey', tls.clientKey),
  ]);
  const servername = tls.serverName ?? (isIP(address.host) === 0 ? address.host : undefined);
  return {
    rejectUnauthorized: true,
    ...(servername !== undefined && { servername }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

async function pem(key: string, path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : pemFile(key, path);
}
