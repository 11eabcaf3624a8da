import type { PublisherConfig } from '#lib/config';
import { AppError } from '#lib/kernel';

const GOOGLE = /(^|\.)googleapis\.com$/i;
const DEFAULT_PORT = 443;

/** Where Pub/Sub is reached, and how. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** `host:port`, for messages. */
  readonly address: string;
  /** Google's own service, or the emulator (or another stand-in). */
  readonly isGoogle: boolean;
  /** Always for Google; for another address when publisher.enableTLS says so. */
  readonly tls: boolean;
}

/**
 * The endpoint that `publisher.address` names. PUBSUB_EMULATOR_HOST, which all of Google's clients know, takes the place
 * of Google's own address, never that of another one.
 *
 * @throws AppError BROKER_CONFIG for several addresses or one that cannot be read
 */
export function parseEndpoint(publisher: PublisherConfig, env: NodeJS.ProcessEnv = process.env): Endpoint {
  const [first = 'pubsub.googleapis.com', ...others] = publisher.addresses;
  if (others.length > 0) {
    throw new AppError('BROKER_CONFIG', 'publisher.address names several addresses, and Pub/Sub takes one', {
      remedy: 'Name one, or none for pubsub.googleapis.com.',
    });
  }
  const configured = parse(first, 'publisher.address', publisher.tls.enabled);
  const emulator = env['PUBSUB_EMULATOR_HOST'] ?? '';
  if (!configured.isGoogle || emulator === '') return configured;
  return parse(emulator, 'PUBSUB_EMULATOR_HOST', publisher.tls.enabled);
}

function parse(text: string, key: string, enableTls: boolean): Endpoint {
  const match = /^(?:https?:\/\/)?(\[[^\]]+\]|[^:/\s@]+)(?::(\d{1,5}))?\/?$/.exec(text.trim());
  const host = match?.[1];
  const port = match?.[2] === undefined ? DEFAULT_PORT : Number(match[2]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new AppError('BROKER_CONFIG', `${key} is no host:port: ${JSON.stringify(text)}`, {
      remedy: 'Write host:port, for example pubsub.googleapis.com:443 or localhost:8085.',
    });
  }
  const isGoogle = GOOGLE.test(host);
  return { host, port, address: `${host}:${String(port)}`, isGoogle, tls: isGoogle || enableTls };
}
