import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { OPTIONS } from '../../../libs/config/src/schema/option-index.js';
import type { Child } from '../../support/child-process.js';
import { freePort } from '../../support/free-port.js';
import { startNats, type NatsServer } from '../../support/nats-server.js';
import { startPostgres, type PostgresServer } from '../../support/postgres.js';
import { databaseVariables, startService } from '../../support/service.js';
import { tempDir, type TempDir } from '../../support/temp-dir.js';
import { Canary, Evidence } from './canaries.js';
import { SentryReceiver } from './sentry-receiver.js';

export type Variables = Readonly<Record<string, string>>;
export const DEADLINE_MS = 120_000;

/** Every option that the schema calls secret: one that is added is part of every hunt. */
export const SECRET_OPTIONS = OPTIONS.filter(({ meta }) => meta.secret === true);
const ofOptions = new Map(SECRET_OPTIONS.map(({ path }, index) => [path, new Canary(path, index)]));
/** Contents of files that options name. */
const ofFiles = new Map(
  ['credsFile', 'nkeySeedFile', 'clientKey', 'credentialsFile'].map((name, i) => [name, new Canary(name, 40 + i)]),
);
/** The password in an address. */
export const IN_ADDRESS = new Canary('publisher.address', 60);
export const IN_ROW = new Canary('a value of a row', 70);
export const CANARIES: readonly Canary[] = [...ofOptions.values(), ...ofFiles.values(), IN_ADDRESS, IN_ROW];

/** What the option at this path is set to, or the file holds that it names. */
export function canary(name: string): Canary {
  const found = ofOptions.get(name) ?? ofFiles.get(name);
  if (found === undefined) throw new RangeError(`no secret ${name}`);
  return found;
}

export function without(variables: Variables, ...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !names.includes(name)));
}

/** Servers for a program that has every secret there is, and everything it wrote. */
export class LeakHunt implements AsyncDisposable {
  readonly evidence = new Evidence();

  private constructor(
    readonly server: PostgresServer,
    readonly nats: NatsServer,
    readonly receiver: SentryReceiver,
    private readonly parrot: Server,
    private readonly dir: TempDir,
    readonly files: Readonly<Record<'creds' | 'seed' | 'key' | 'certificate' | 'account', string>>,
  ) {}

  static async start(): Promise<LeakHunt> {
    const dir = await tempDir();
    const password = JSON.stringify(canary('publisher.password').value);
    const [server, nats, receiver, parrot] = await Promise.all([
      startPostgres({ version: 18 }),
      startNats({ config: `max_payload: 8192\nauthorization { user: wal, password: ${password} }` }),
      SentryReceiver.start(),
      startParrot(),
    ]);
    return new LeakHunt(server, nats, receiver, parrot, dir, junkFiles(dir.path));
  }

  /** A server that speaks NATS as far as to repeat, in an error, what it was told. */
  get parrotAddress(): string {
    return `127.0.0.1:${String((this.parrot.address() as AddressInfo).port)}`;
  }

  /** Every secret option at once. */
  secrets(): Record<string, string> {
    const variables = Object.fromEntries(SECRET_OPTIONS.map(({ envName, path }) => [envName, canary(path).value]));
    const password = encodeURIComponent(canary('database.url').value);
    return {
      ...variables,
      WAL_DATABASE_URL: `postgres://wal:${password}@127.0.0.1:${String(this.server.port)}/postgres`,
      // The client takes nothing but word characters there.
      WAL_MONITORING_SENTRY_DSN: this.receiver.dsn(canary('monitoring.sentryDSN').core),
    };
  }

  /** All secrets that go together, everything that talks turned on, and a database and a broker that let it in. */
  talkative(...left: readonly string[]): Record<string, string> {
    return {
      ...without(this.secrets(), 'WAL_DATABASE_URL', 'WAL_PUBLISHER_TOKEN', ...left),
      ...databaseVariables(this.server),
      WAL_DATABASE_DEBUG: 'true',
      WAL_LOGGER_LEVEL: 'debug',
      WAL_PUBLISHER_TOPIC: 'shop',
      WAL_PUBLISHER_USERNAME: 'wal',
      WAL_PUBLISHER_TYPE: 'nats',
      WAL_PUBLISHER_ADDRESS: this.nats.address,
    };
  }

  /** The same without credentials of the broker. */
  anonymous(): Record<string, string> {
    return without(this.talkative(), 'WAL_PUBLISHER_USERNAME', 'WAL_PUBLISHER_PASSWORD');
  }

  /** Starts the program in a folder of its own, so that files it makes are found. */
  start(name: string, env: Variables, args: readonly string[] = []): Child {
    const cwd = join(this.dir.path, name.replaceAll(/\W+/g, '-'));
    mkdirSync(cwd, { recursive: true });
    return startService({ TMPDIR: cwd, ...env }, { cwd, args });
  }

  /** Runs it to its own end and keeps what it wrote. */
  async runToEnd(name: string, env: Variables, args: readonly string[] = []): Promise<Child> {
    await using child = this.start(name, env, args);
    await child.waitForExit(DEADLINE_MS);
    this.evidence.addOutput(name, child);
    return child;
  }

  /** Runs it until this line, looks at it from all sides, and stops it. */
  async runUntil(line: string | RegExp, name: string, env: Variables): Promise<void> {
    const [probes, metrics] = await Promise.all([freePort(), freePort()]);
    const ports = {
      WAL_LISTENER_SERVER_PORT: String(probes),
      WAL_MONITORING_PROM_ADDR: `127.0.0.1:${String(metrics)}`,
    };
    await using child = this.start(name, { ...env, ...ports });
    await child.waitForLine(line, DEADLINE_MS);
    this.evidence.addProcess(name, child);
    await this.evidence.addHttp(name, probes, ['/healthz', '/ready', '/nothing']);
    await this.evidence.addHttp(name, metrics, ['/metrics']);
    await child.terminate(DEADLINE_MS);
    this.evidence.addOutput(name, child);
  }

  /** A line for each canary that turned up in anything that was written so far. */
  leaks(): readonly string[] {
    for (const [i, raw] of this.receiver.raw.entries()) this.evidence.add(`Sentry, request ${String(i)}`, raw);
    this.evidence.addFiles(this.dir.path, new Set(Object.values(this.files)));
    return this.evidence.leaksOf(CANARIES);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.parrot.close();
    await this.receiver[Symbol.asyncDispose]();
    await this.nats[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await this.dir[Symbol.asyncDispose]();
  }
}

/** Files that options name and that cannot be used: what is wrong with them must be told without showing them. */
function junkFiles(folder: string): LeakHunt['files'] {
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const pem = (title: string, content: string) => `-----BEGIN ${title}-----\n${content}\n-----END ${title}-----\n`;
  const account = { type: 'service_account', private_key: canary('credentialsFile').value, client_email: 'a@b.c' };
  return {
    creds: file('wal.creds', pem('NATS USER JWT', canary('credsFile').value)),
    seed: file('wal.nk', `SU${canary('nkeySeedFile').value}`),
    key: file('client.key', pem('PRIVATE KEY', canary('clientKey').value)),
    certificate: file('client.pem', pem('CERTIFICATE', 'none')),
    account: file('account.json', JSON.stringify(account)),
  };
}

async function startParrot(): Promise<Server> {
  const parrot = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('INFO {"server_id":"x","version":"2.10.0","proto":1,"max_payload":1048576,"headers":true}\r\n');
    socket.on('data', (sent) => {
      socket.write(`-ERR 'Unknown Protocol ${sent.toString().replaceAll('\r\n', ' ')}'\r\n`);
    });
  });
  await new Promise<void>((resolve) => parrot.listen(0, '127.0.0.1', resolve));
  return parrot;
}
