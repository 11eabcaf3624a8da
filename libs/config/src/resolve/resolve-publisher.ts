import type { PublisherConfig, PublisherType } from '../app-config.js';
import type { Findings } from '../config-fault.js';
import type { BoundConfig } from '../schema/bind.js';
import { requireName, requirePair } from './require-option.js';

interface BrokerAddresses {
  readonly defaults: readonly string[];
  /** URL schemes that the client takes; without one when `bare`. */
  readonly schemes: readonly string[];
  readonly example: string;
}

const ADDRESSES: Readonly<Record<PublisherType, BrokerAddresses>> = {
  nats: {
    defaults: ['nats://localhost:4222'],
    schemes: ['nats', 'tls'],
    example: 'nats://host:4222 or host:4222',
  },
  kafka: { defaults: ['localhost:9092'], schemes: [], example: 'host:9092' },
  rabbitmq: {
    defaults: ['amqp://localhost:5672'],
    schemes: ['amqp', 'amqps'],
    example: 'amqp://user:password@host:5672/vhost',
  },
  google_pubsub: { defaults: ['pubsub.googleapis.com:443'], schemes: [], example: 'host:port' },
  stdout: { defaults: [], schemes: [], example: '' },
};

/** Combines the keys of `publisher`. The result means something only when no fault was reported. */
export function resolvePublisher(bound: BoundConfig, findings: Findings): PublisherConfig {
  const { publisher } = bound.schema;
  checkRequired(bound, findings);
  checkCredentials(bound, findings);
  checkBrokers(bound);
  const addresses = resolveAddresses(bound);
  const enabled = publisher.enableTLS || addresses.some((address) => /^(?:tls|amqps):\/\//i.test(address));
  warnAboutTls(bound, findings, enabled);
  const { caCert, clientCert, clientKey, serverName, nats } = publisher;
  const { compression, autoCreateTopics, partitions, replicationFactor } = publisher.kafka;
  const { createTopics, credentialsFile, orderingBuckets } = publisher.pubsub;
  return {
    type: publisher.type ?? 'stdout',
    addresses,
    topic: publisher.topic ?? '',
    topicPrefix: publisher.topicPrefix,
    messageKeyFrom: publisher.messageKeyFrom,
    onPoison: publisher.onPoison,
    unroutable: publisher.unroutable,
    maxInFlightEvents: publisher.maxInFlightEvents,
    maxInFlightBytes: publisher.maxInFlightBytes,
    metadata: publisher.metadata,
    pretty: publisher.pretty,
    ordering: publisher.ordering,
    exchangeKind: publisher.exchangeKind,
    tls: { enabled, caCert, clientCert, clientKey, serverName },
    username: publisher.username,
    password: publisher.password,
    saslMechanism: publisher.saslMechanism,
    credsFile: publisher.credsFile,
    nkeySeedFile: publisher.nkeySeedFile,
    token: publisher.token,
    pubSubProjectID: publisher.pubSubProjectID,
    enableOrdering: publisher.enableOrdering,
    nats: {
      storage: nats.storage,
      replicas: nats.replicas,
      maxAgeMs: nats.maxAge,
      maxBytes: nats.maxBytes,
      duplicateWindowMs: nats.duplicateWindow,
      chain: nats.chain,
    },
    kafka: { compression, autoCreateTopics, partitions, replicationFactor },
    rabbitmq: { declareExchange: publisher.rabbitmq.declareExchange },
    pubsub: { createTopics, credentialsFile, orderingBuckets },
  };
}

function checkRequired(bound: BoundConfig, findings: Findings): void {
  const { type } = bound.schema.publisher;
  requireName(bound, findings, 'publisher.type', ': nats, kafka, rabbitmq, google_pubsub or stdout');
  if (type !== 'stdout') requireName(bound, findings, 'publisher.topic');
  if (type === 'google_pubsub') requireName(bound, findings, 'publisher.pubSubProjectID');
}

function checkCredentials(bound: BoundConfig, findings: Findings): void {
  const { type } = bound.schema.publisher;
  requirePair(bound, findings, 'publisher.clientCert', 'publisher.clientKey');
  if (bound.isSet('publisher.password'))
    requireName(bound, findings, 'publisher.username', ' (it goes with publisher.password)');
  if (bound.isSet('publisher.saslMechanism') && type === 'kafka') {
    requireName(bound, findings, 'publisher.username', ' (publisher.saslMechanism needs it)');
    requireName(bound, findings, 'publisher.password', ' (publisher.saslMechanism needs it)');
  } else if (bound.isSet('publisher.username') && type === 'kafka') {
    requireName(bound, findings, 'publisher.saslMechanism', ': plain, scram-sha-256 or scram-sha-512');
  }
  const forms = ['publisher.credsFile', 'publisher.nkeySeedFile', 'publisher.token', 'publisher.username'];
  const given = forms.filter((path) => bound.isSet(path));
  if (type !== 'nats' || given.length < 2) return;
  const [path = ''] = given;
  const source = bound.sourceOf(path);
  findings.fault({
    kind: 'conflict',
    path,
    source,
    found: undefined,
    accepted: `one of ${given.join(', ')}, not several`,
  });
}

function checkBrokers(bound: BoundConfig): void {
  const { nats } = bound.schema.publisher;
  if (nats.maxAge === 0 || nats.duplicateWindow <= nats.maxAge) return;
  if (bound.isBroken('publisher.nats.maxAge') || bound.isBroken('publisher.nats.duplicateWindow')) return;
  const path = bound.isSet('publisher.nats.duplicateWindow')
    ? 'publisher.nats.duplicateWindow'
    : 'publisher.nats.maxAge';
  bound.refuse(path, 'a maxAge that is not shorter than duplicateWindow (2m when not set)');
}

/** Of several `@` the last one ends the password, as for Go's url.Parse. */
const AUTHORITY = /^(?:[^\s/?#]*@)?(?:\[[0-9a-f:.]+\]|[^\s:/?#@[\]]+)(?::(\d{1,5}))?(?:[/?][^@]*)?$/i;

function resolveAddresses(bound: BoundConfig): readonly string[] {
  const { type, address, enableTLS } = bound.schema.publisher;
  if (type === undefined) return [];
  const rules = ADDRESSES[type];
  const given = address ?? rules.defaults;
  if (type === 'stdout') return [];
  const sound = given.every((text) => {
    const [, scheme, rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(text) ?? [];
    const port = AUTHORITY.exec(rest);
    const schemeTaken = scheme === undefined || rules.schemes.includes(scheme.toLowerCase());
    return schemeTaken && port !== null && Number(port[1] ?? 1) >= 1 && Number(port[1] ?? 1) <= 65_535;
  });
  if (!sound && !bound.isBroken('publisher.address')) {
    const hint = given.some((text) => text.includes('@')) ? ', special characters of a password percent-encoded' : '';
    bound.refuse('publisher.address', `${rules.example}${hint}`);
  }
  if (type !== 'rabbitmq') return given;
  const scheme = enableTLS ? 'amqps' : 'amqp';
  return given.map((text) => (text.includes('://') ? text : `${scheme}://${text}`));
}

function warnAboutTls(bound: BoundConfig, findings: Findings, enabled: boolean): void {
  if (enabled || bound.schema.publisher.type === 'stdout') return;
  const keys = ['publisher.caCert', 'publisher.clientCert', 'publisher.serverName'].filter((path) => bound.isSet(path));
  if (keys.length === 0) return;
  findings.warn(`publisher.enableTLS is false: the connection is not encrypted; without effect: ${keys.join(', ')}`);
}
