import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Admin, Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import { Child } from './child-process.js';
import { freePort } from './free-port.js';
import { kcatRead, type KcatRecord } from './kcat.js';
import { ensureKafkaJars } from './kafka-jars.js';
import {
  type KafkaListener,
  type KafkaProtocol,
  type KafkaServerOptions,
  type KafkaUser,
  LOG4J_CONFIG,
  serverProperties,
} from './kafka-properties.js';
import { TcpProxy } from './tcp-proxy.js';
import { tempDir, type TempDir } from './temp-dir.js';
import { waitFor } from './wait-for.js';

export type { KafkaServerOptions };

const READY_DEADLINE_MS = 60_000;

/** An Apache Kafka of this test's own (one KRaft process): free ports, own data folder, which both survive a restart. */
export class KafkaServer implements AsyncDisposable {
  private constructor(
    private readonly listeners: ReadonlyMap<string, KafkaListener>,
    private readonly dir: TempDir,
    private readonly jarDir: string,
    private readonly benchmark: boolean,
    private readonly tcpProxy: TcpProxy | undefined,
    private child: Child,
  ) {}

  static async create(options: KafkaServerOptions): Promise<KafkaServer> {
    const jarDir = await ensureKafkaJars();
    const dir = options.dir ?? (await tempDir());
    const listeners = await chooseListeners(options);
    const proxied = listeners.get('PROXIED');
    const tcpProxy = proxied === undefined ? undefined : await TcpProxy.start(proxied.port);
    try {
      if (proxied !== undefined && tcpProxy !== undefined) {
        listeners.set('PROXIED', { ...proxied, advertised: tcpProxy.address });
      }
      const controllerPort = await freePort();
      await writeFile(join(dir.path, 'log4j2.xml'), LOG4J_CONFIG);
      const properties = await serverProperties(dir.path, [...listeners.values()], controllerPort, options);
      await writeFile(join(dir.path, 'server.properties'), properties, { mode: 0o600 });
      await format(jarDir, dir.path, options.users ?? []);
      const benchmark = options.benchmark ?? false;
      const child = await run(jarDir, dir.path, benchmark);
      return new KafkaServer(listeners, dir, jarDir, benchmark, tcpProxy, child);
    } catch (error) {
      await tcpProxy?.[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `127.0.0.1:port` of the listener without TLS or authentication. */
  get address(): string {
    return this.addressOf('PLAINTEXT');
  }

  /** `127.0.0.1:port` of a listener. */
  addressOf(protocol: KafkaProtocol): string {
    return this.listener(protocol).advertised;
  }

  /** What lies between the clients of the proxied listener and the server; its address is the one to configure. */
  get proxy(): TcpProxy {
    if (this.tcpProxy === undefined) throw new Error('the server was started without `proxied`');
    return this.tcpProxy;
  }

  /** False once it has ended, by itself or not. */
  get running(): boolean {
    return this.child.running;
  }

  /** SIGKILL. What was acknowledged is in the operating system's cache at least, and survives. */
  async kill(): Promise<void> {
    await this.child.kill();
  }

  /** Ends in order, as a deployment does. */
  async stop(): Promise<void> {
    await this.child.terminate(60_000);
  }

  /** Starts again on the same ports and data, after `kill` or `stop`; returns when clients are served. */
  async start(): Promise<void> {
    this.child = await run(this.jarDir, this.dir.path, this.benchmark);
  }

  /** Stands still without closing a connection. */
  freeze(): void {
    this.child.signal('SIGSTOP');
  }

  thaw(): void {
    this.child.signal('SIGCONT');
  }

  /** A client of the test's own, straight to the server. */
  client(config: Partial<KafkaConfig> = {}): Kafka {
    return new Kafka({ brokers: [this.address], logLevel: logLevel.NOTHING, ...config });
  }

  /** Lets `work` use an admin client of the test's own. */
  async admin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.client().admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }

  /** Creates a topic; `settings` as in `{'max.message.bytes': '2000'}`. */
  async createTopic(topic: string, numPartitions = 1, settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    const topics = [{ topic, numPartitions, configEntries }];
    const create = async () => {
      await this.admin((admin) => admin.createTopics({ waitForLeaders: true, topics }));
      return true;
    };
    // kafkajs gives up when the server does not know yet of what it has just created.
    await waitFor(create, { what: `topic ${topic} to be created` });
  }

  /** Everything a topic holds, read by kcat with every checksum checked; without headers when they are no plain text. */
  records(topic: string, withHeaders = true): Promise<readonly KcatRecord[]> {
    return kcatRead(this.address, topic, withHeaders);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.kill();
    await this.tcpProxy?.[Symbol.asyncDispose]();
    await this.dir[Symbol.asyncDispose]();
  }

  private listener(name: string): KafkaListener {
    const found = this.listeners.get(name);
    if (found === undefined) throw new Error(`the server was started without a ${name} listener`);
    return found;
  }
}

/** Starts a server that is ended, and its data removed, when it is disposed of. Takes some 6 s. */
export function startKafka(options: KafkaServerOptions = {}): Promise<KafkaServer> {
  return KafkaServer.create(options);
}

async function chooseListeners(options: KafkaServerOptions): Promise<Map<string, KafkaListener>> {
  const listeners = new Map<string, KafkaListener>();
  const wanted: readonly KafkaProtocol[] = ['PLAINTEXT', ...(options.listeners ?? [])];
  for (const protocol of wanted) listeners.set(protocol, await listenerOn(protocol, protocol));
  if (options.proxied !== undefined) listeners.set('PROXIED', await listenerOn('PROXIED', options.proxied));
  return listeners;
}

async function listenerOn(name: string, protocol: KafkaProtocol): Promise<KafkaListener> {
  const port = await freePort();
  return { name, protocol, port, advertised: `127.0.0.1:${String(port)}` };
}

/** Prepares the data folder. The output is thrown away: it holds the salted passwords. */
async function format(jarDir: string, dir: string, users: readonly KafkaUser[]): Promise<void> {
  const bytes = randomBytes(16);
  // An id that begins with a dash would be taken for an option.
  bytes[0] = 0;
  const id = bytes.toString('base64url');
  const scram = users.flatMap(({ name, password }) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  );
  const java = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', join(jarDir, '*')];
  const tool = ['kafka.tools.StorageTool', 'format', '--standalone', '-t', id, '-c', 'server.properties'];
  await promisify(execFile)('java', [...java, ...tool, ...scram], { cwd: dir });
}

async function run(jarDir: string, dir: string, benchmark: boolean): Promise<Child> {
  const memory = benchmark ? ['-Xmx1g'] : ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const log = `-Dlog4j2.configurationFile=${join(dir, 'log4j2.xml')}`;
  const args = [...memory, log, '-cp', join(jarDir, '*'), 'kafka.Kafka', 'server.properties'];
  const child = Child.start('java', { args, cwd: dir });
  try {
    await child.waitForLine('Kafka Server started', READY_DEADLINE_MS);
  } catch (error) {
    await child.kill();
    throw error;
  }
  return child;
}
