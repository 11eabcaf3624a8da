import type { PublisherConfig } from '#lib/config';
import type { Clock } from '#lib/kernel';
import type { KafkajsInternals } from './kafkajs-internals.js';

/** What every connection of a client has in common. */
export interface ConnectContext {
  readonly publisher: Pick<PublisherConfig, 'tls' | 'username' | 'password' | 'saslMechanism'>;
  readonly kafkajs: KafkajsInternals;
  readonly clientId: string;
  readonly clock: Clock;
  /** For TCP, TLS, versions and authentication together. */
  readonly connectTimeoutMs: number;
}
