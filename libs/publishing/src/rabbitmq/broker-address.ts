import { AppError } from '#lib/kernel';

/** One broker of `publisher.address`: `host:port`, `amqp://user:password@host:port/vhost`, `amqps://…`. */
export interface BrokerAddress {
  /** `host:port` without credentials; safe to log. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly vhost: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
}

/**
 * User, password and vhost are percent-encoded in the address; without a vhost it is `/`.
 * Format: https://www.rabbitmq.com/docs/uri-spec
 *
 * @param tlsEnabled `publisher.enableTLS`: a bare `host:port` means TLS then, and so does `amqp://`
 * @throws AppError BROKER_CONFIG for an address that cannot be read
 */
export function parseBroker(entry: string, tlsEnabled: boolean): BrokerAddress {
  const match = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/i.exec(entry.trim());
  const scheme = (match?.[1] ?? 'amqp').toLowerCase();
  try {
    if (scheme !== 'amqp' && scheme !== 'amqps') throw new TypeError('unknown scheme');
    const url = new URL(`${scheme}://${match?.[2] ?? ''}`);
    if (url.hostname === '') throw new TypeError('no host');
    const tls = tlsEnabled || scheme === 'amqps';
    const port = url.port === '' ? (tls ? 5671 : 5672) : Number(url.port);
    const vhost = decodeURIComponent(url.pathname.replace(/^\//, ''));
    return {
      address: `${url.hostname}:${port}`,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port,
      vhost: vhost === '' ? '/' : vhost,
      username: url.username === '' ? undefined : decodeURIComponent(url.username),
      password: url.password === '' ? undefined : decodeURIComponent(url.password),
      tls,
    };
  } catch (error) {
    // The address may hold a password: neither it nor the cause's text is repeated.
    throw new AppError('BROKER_CONFIG', 'publisher.address has an entry that is no RabbitMQ address', {
      facts: { reason: error instanceof URIError ? 'a wrong percent-encoding' : 'not host:port or a URL' },
      remedy: 'Write host:port, amqp://user:password@host:port/vhost or amqps://…, special characters percent-encoded.',
    });
  }
}
