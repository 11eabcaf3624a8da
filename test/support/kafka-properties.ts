import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TempDir } from './temp-dir.js';

export type KafkaProtocol = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';

export interface KafkaUser {
  readonly name: string;
  readonly password: string;
}

export interface KafkaServerOptions {
  /** Lines of server.properties that are put after our own. */
  readonly properties?: readonly string[];
  /** Listeners besides PLAINTEXT; SSL and SASL_SSL need `tls`. */
  readonly listeners?: readonly Exclude<KafkaProtocol, 'PLAINTEXT'>[];
  /** Files in PEM: the server's pair, and the authority that it asks of clients. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
  /** Known to the SASL listeners, with PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
  readonly users?: readonly KafkaUser[];
  /** Opens one more listener, of this protocol, that is reached through `server.proxy` alone. */
  readonly proxied?: KafkaProtocol;
  /** Memory and compiler of a server that is measured. */
  readonly benchmark?: boolean;
  /** Where configuration and data are kept; default: a temporary folder. Disposed of with the server. */
  readonly dir?: TempDir;
}

export interface KafkaListener {
  readonly name: string;
  readonly protocol: KafkaProtocol;
  /** Where the server listens on 127.0.0.1. */
  readonly port: number;
  /** `host:port` that clients are told to use. */
  readonly advertised: string;
}

/** Standard output: warnings, and the line that says that the server is ready. */
export const LOG4J_CONFIG = `<Configuration status="ERROR">
  <Appenders><Console name="out"><PatternLayout pattern="%d{HH:mm:ss.SSS} %p %c{1} %m%n"/></Console></Appenders>
  <Loggers>
    <Logger name="kafka.server.KafkaRaftServer" level="INFO"/>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
`;

/** The text of server.properties, for one process that is broker and controller. Writes the key store below `dir`. */
export async function serverProperties(
  dir: string,
  listeners: readonly KafkaListener[],
  controllerPort: number,
  options: KafkaServerOptions,
): Promise<string> {
  const controller = `127.0.0.1:${String(controllerPort)}`;
  const bound = listeners.map(({ name, port }) => `${name}://127.0.0.1:${String(port)}`);
  const advertised = listeners.map(({ name, advertised: address }) => `${name}://${address}`);
  const protocols = listeners.map(({ name, protocol }) => `${name}:${protocol}`);
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.bootstrap.servers=${controller}`,
    'controller.listener.names=CONTROLLER',
    `listeners=${[...bound, `CONTROLLER://${controller}`].join(',')}`,
    `advertised.listeners=${advertised.join(',')}`,
    `listener.security.protocol.map=${['CONTROLLER:PLAINTEXT', ...protocols].join(',')}`,
    'inter.broker.listener.name=PLAINTEXT',
    `log.dirs=${join(dir, 'data')}`,
    ...ONE_NODE,
    ...(await tlsLines(dir, listeners, options.tls)),
    ...saslLines(listeners, options.users ?? []),
    ...(options.properties ?? []),
    '',
  ].join('\n');
}

const ONE_NODE = [
  'auto.create.topics.enable=false',
  'offsets.topic.replication.factor=1',
  'offsets.topic.num.partitions=1',
  'transaction.state.log.replication.factor=1',
  'transaction.state.log.min.isr=1',
  'transaction.state.log.num.partitions=1',
  'share.coordinator.state.topic.replication.factor=1',
  'share.coordinator.state.topic.min.isr=1',
  'group.initial.rebalance.delay.ms=0',
  // After SIGKILL a restart waits for the end of the old session.
  'broker.session.timeout.ms=2000',
  'broker.heartbeat.interval.ms=500',
  'log.cleaner.dedupe.buffer.size=10485760',
];

const isTls = ({ protocol }: KafkaListener) => protocol === 'SSL' || protocol === 'SASL_SSL';
const isSasl = ({ protocol }: KafkaListener) => protocol === 'SASL_PLAINTEXT' || protocol === 'SASL_SSL';

async function tlsLines(
  dir: string,
  listeners: readonly KafkaListener[],
  tls: KafkaServerOptions['tls'],
): Promise<readonly string[]> {
  const secured = listeners.filter(isTls);
  if (secured.length === 0) return [];
  if (tls === undefined) throw new Error('a listener with TLS needs certificates');
  const keyStore = join(dir, 'server.keystore.pem');
  const parts = await Promise.all([tls.keyFile, tls.certFile, tls.caFile].map((file) => readFile(file, 'utf8')));
  await writeFile(keyStore, parts.join(''), { mode: 0o600 });
  return [
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${keyStore}`,
    'ssl.truststore.type=PEM',
    `ssl.truststore.location=${tls.caFile}`,
    ...secured.map(({ name }) => `listener.name.${name.toLowerCase()}.ssl.client.auth=requested`),
  ];
}

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];
const MODULES = 'org.apache.kafka.common.security';

function saslLines(listeners: readonly KafkaListener[], users: readonly KafkaUser[]): readonly string[] {
  const plain = users.map(({ name, password }) => `user_${name}="${password}"`).join(' ');
  return listeners.filter(isSasl).flatMap(({ name }) => {
    const prefix = `listener.name.${name.toLowerCase()}`;
    return [
      `${prefix}.sasl.enabled.mechanisms=${MECHANISMS.join(',')}`,
      `${prefix}.plain.sasl.jaas.config=${MODULES}.plain.PlainLoginModule required ${plain};`,
      `${prefix}.scram-sha-256.sasl.jaas.config=${MODULES}.scram.ScramLoginModule required;`,
      `${prefix}.scram-sha-512.sasl.jaas.config=${MODULES}.scram.ScramLoginModule required;`,
    ];
  });
}
