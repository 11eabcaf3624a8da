import { ArrayNotEmpty, Min } from 'class-validator';
import type { PublisherConfig } from '../app-config.js';
import { keyColumns, textList } from '../kinds/collection-kinds.js';
import { size } from '../kinds/measure-kinds.js';
import { filePath, flag, oneOf, text, wholeNumber } from '../kinds/scalar-kinds.js';
import { KafkaSection, NatsSection, PubsubSection, RabbitmqSection } from './brokers.section.js';
import { accepts, Option, Section } from './option.js';

const POSITIVE = accepts('a whole number, 1 or more');

export class PublisherSection {
  @Option(oneOf(['nats', 'kafka', 'rabbitmq', 'google_pubsub', 'stdout']), {
    description: 'The broker to publish to; `stdout` prints one JSON line per event.',
    required: 'always',
    example: 'nats',
  })
  type: 'nats' | 'kafka' | 'rabbitmq' | 'google_pubsub' | 'stdout' | undefined = undefined;

  @ArrayNotEmpty(accepts('an address, or several separated by commas'))
  @Option(textList(), {
    description:
      'Address(es) of the broker, separated by commas: `nats://host:4222`, `host:9092` (Kafka), ' +
      '`amqp://user:password@host:5672/vhost` (RabbitMQ), `host:port` (Pub/Sub). A comma inside is written `%2C`.',
    holdsUserInfo: true,
    defaultText: "the broker's usual local address; Google's endpoint for Pub/Sub",
    example: 'nats://localhost:4222',
  })
  address: readonly string[] | undefined = undefined;

  @Option(text, {
    description: 'NATS stream, RabbitMQ exchange, and the first token of every topic.',
    required: 'unless `publisher.type` is `stdout`',
    example: 'shop',
  })
  topic: string | undefined = undefined;

  @Option(text, {
    description: 'Comes between `topic` and the name of the table: `<topic>.<topicPrefix><schema>_<table>`.',
    defaultText: 'empty',
    example: 'cdc_',
  })
  topicPrefix: string = '';

  @Option(keyColumns, {
    description:
      'Column(s) that make the ordering key: one name, a list, or by table `{"orders":"customer_id"}`. They must be ' +
      "part of the table's replica identity, or the table be REPLICA IDENTITY FULL.",
    defaultText: "the primary key, else the replica identity, else the table's name",
    example: 'tenant_id',
  })
  messageKeyFrom: PublisherConfig['messageKeyFrom'] = undefined;

  @Option(oneOf(['halt', 'deadLetter', 'skip']), {
    description:
      'What to do with a message that the broker can never take (too large, invalid): `halt`, publish a note about it ' +
      'to `<topic>.<topicPrefix>dead_letter`, or `skip` it (counted and logged).',
  })
  onPoison: 'halt' | 'deadLetter' | 'skip' = 'halt';

  @Option(oneOf(['warn', 'block']), {
    description:
      'RabbitMQ, a message that no queue wants: `warn` counts it and warns once per routing key, `block` retries it and ' +
      'lets nothing of its key overtake it.',
  })
  unroutable: 'warn' | 'block' = 'warn';

  @Min(1, POSITIVE)
  @Option(wholeNumber, { description: 'How many events may wait for acknowledgement; reading pauses beyond.' })
  maxInFlightEvents: number = 16_384;

  @Min(1, accepts('a size of at least one byte'))
  @Option(size, { description: 'How many bytes of events may wait for acknowledgement; reading pauses beyond.' })
  maxInFlightBytes: number = 32 * 1024 * 1024;

  @Option(flag, { description: 'Adds transaction id, commit time, table and action to the headers of every message.' })
  metadata: boolean = false;

  @Option(flag, { description: '`stdout`: indents the JSON, for reading by people.' })
  pretty: boolean = false;

  @Option(oneOf(['strict', 'relaxed']), {
    description:
      'RabbitMQ: `strict` keeps the order of a key whatever happens (one unconfirmed message per key); `relaxed` is ' +
      'faster and promises only that the newest event of a key is the last one sent.',
  })
  ordering: 'strict' | 'relaxed' = 'strict';

  @Option(oneOf(['topic', 'fanout', 'direct']), { description: 'RabbitMQ: kind of the exchange.' })
  exchangeKind: 'topic' | 'fanout' | 'direct' = 'topic';

  @Option(flag, {
    description: 'Encrypts the connection to the broker and verifies it. `tls://` and `amqps://` addresses imply it.',
  })
  enableTLS: boolean = false;

  @Option(filePath, {
    description: 'PEM file with the certificate authorities to trust.',
    defaultText: "the system's",
    example: '/etc/ssl/broker-ca.pem',
  })
  caCert: string | undefined = undefined;

  @Option(filePath, {
    description: 'PEM file with the client certificate; goes with `clientKey`.',
    defaultText: '–',
    example: '/etc/ssl/client.pem',
  })
  clientCert: string | undefined = undefined;

  @Option(filePath, {
    description: 'PEM file with the key of the client certificate.',
    defaultText: '–',
    example: '/etc/ssl/client.key',
  })
  clientKey: string | undefined = undefined;

  @Option(text, {
    description: "Name that the broker's certificate must carry, when it is not the host's.",
    defaultText: 'the host',
    example: 'broker.example.com',
  })
  serverName: string | undefined = undefined;

  @Option(text, { description: 'User (NATS, Kafka SASL, RabbitMQ).', defaultText: '–', example: 'wal' })
  username: string | undefined = undefined;

  @Option(text, { description: 'Password of `username`.', secret: true, defaultText: '–' })
  password: string | undefined = undefined;

  @Option(oneOf(['plain', 'scram-sha-256', 'scram-sha-512']), {
    description: 'Kafka: how `username` and `password` are shown to the broker.',
    defaultText: '–',
    example: 'scram-sha-512',
  })
  saslMechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' | undefined = undefined;

  @Option(filePath, { description: 'NATS: credentials file.', defaultText: '–', example: '/etc/nats/wal.creds' })
  credsFile: string | undefined = undefined;

  @Option(filePath, {
    description: 'NATS: file with an nkey seed.',
    defaultText: '–',
    example: '/etc/nats/wal.nk',
  })
  nkeySeedFile: string | undefined = undefined;

  @Option(text, { description: 'NATS: authentication token.', secret: true, defaultText: '–' })
  token: string | undefined = undefined;

  @Option(text, {
    description: 'Google Cloud project of the topics.',
    required: 'when `publisher.type` is `google_pubsub`',
    example: 'my-project',
  })
  pubSubProjectID: string | undefined = undefined;

  @Option(flag, {
    description:
      'Pub/Sub: sends ordering keys. Without them only this holds: the newest event of a key is the last one sent.',
  })
  enableOrdering: boolean = true;

  @Section('NATS JetStream; used when the stream is created (`chain` always).')
  nats: NatsSection = new NatsSection();

  @Section('Apache Kafka.')
  kafka: KafkaSection = new KafkaSection();

  @Section('RabbitMQ.')
  rabbitmq: RabbitmqSection = new RabbitmqSection();

  @Section('Google Pub/Sub.')
  pubsub: PubsubSection = new PubsubSection();
}
