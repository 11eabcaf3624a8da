import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ChannelModel, connect } from 'amqplib';
import { Child } from './child-process.js';
import { freePort } from './free-port.js';
import { rabbitmqScript } from './rabbitmq-programs.js';
import { tempDir, type TempDir } from './temp-dir.js';
import { waitFor } from './wait-for.js';

const BOOT_DEADLINE_MS = 90_000;

export interface RabbitmqServerOptions {
  /** Lines of rabbitmq.conf: max_message_size, vm_memory_high_watermark.absolute … */
  readonly config?: string;
  /** Users, vhosts, permissions, exchanges, queues, bindings: imported at each start. */
  readonly definitions?: Readonly<Record<string, unknown>>;
  /** Plugins to enable, for example `rabbitmq_auth_mechanism_ssl`. */
  readonly plugins?: readonly string[];
  /** A TLS listener beside the plain one; a client's certificate is verified when it has one. */
  readonly tls?: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
  /** Where configuration and data are kept; default: a temporary folder. Disposed of with the server. */
  readonly dir?: TempDir;
}

/** Where a server keeps what it needs: both survive a restart. */
interface Site {
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A RabbitMQ node of this test's own: own node name, ports and data folder, which all survive a restart. Users
 * `guest`/`guest` unless definitions say otherwise.
 */
export class RabbitmqServer implements AsyncDisposable {
  private constructor(
    readonly port: number,
    /** Only with TLS configured does anything listen there. */
    readonly tlsPort: number,
    private readonly folder: TempDir,
    private readonly site: Site,
    private readonly portMapper: Child,
    private child: Child,
  ) {}

  static async create(options: RabbitmqServerOptions = {}): Promise<RabbitmqServer> {
    const folder = options.dir ?? (await tempDir());
    const [port, tlsPort, mapperPort, distributionPort] = await distinctPorts();
    const site = await prepareSite(folder.path, options, { port, tlsPort, mapperPort, distributionPort });
    // A port mapper that the node starts by itself would outlive it as a daemon.
    const portMapper = Child.start('epmd', { args: ['-port', String(mapperPort), '-address', '127.0.0.1'] });
    try {
      return new RabbitmqServer(port, tlsPort, folder, site, portMapper, await run(site));
    } catch (error) {
      await portMapper.kill();
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `amqp://127.0.0.1:port` */
  get address(): string {
    return `amqp://127.0.0.1:${String(this.port)}`;
  }

  /** `amqps://127.0.0.1:port` of the TLS listener. */
  get tlsAddress(): string {
    return `amqps://127.0.0.1:${String(this.tlsPort)}`;
  }

  /** The broker's log so far. */
  get log(): readonly string[] {
    return this.child.stdout;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.child.kill();
  }

  /** Ends in order, as a deployment does. */
  async stop(): Promise<void> {
    await this.child.terminate(BOOT_DEADLINE_MS);
  }

  /** Starts again on the same ports and data, after `kill` or `stop`. */
  async start(): Promise<void> {
    this.child = await run(this.site);
  }

  /** Stands still without closing a connection. */
  freeze(): void {
    this.child.signal('SIGSTOP');
  }

  thaw(): void {
    this.child.signal('SIGCONT');
  }

  /** A client of the test's own, straight to the server; `url` for another user or vhost. */
  async client(url = this.address): Promise<ChannelModel> {
    const client = await connect(url);
    // A test that kills its server must not end with an unhandled 'error'.
    client.on('error', () => undefined);
    return client;
  }

  /** Runs `rabbitmqctl` against this node; gives what it prints. Takes a second or two: an Erlang of its own. */
  async ctl(...args: readonly string[]): Promise<string> {
    const program = rabbitmqScript('rabbitmqctl');
    const { PATH = '' } = process.env;
    const env = { PATH, ...this.site.env };
    const { stdout } = await promisify(execFile)(program, ['--quiet', ...args], { env, timeout: 60_000 });
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.kill();
    await this.portMapper.kill();
    await this.folder[Symbol.asyncDispose]();
  }
}

/** Starts a node that is ended, and its data removed, when it is disposed of. */
export function startRabbitmq(options: RabbitmqServerOptions = {}): Promise<RabbitmqServer> {
  return RabbitmqServer.create(options);
}

async function run(site: Site): Promise<Child> {
  // The script itself and not the wrapper on PATH, which drops the environment.
  const child = Child.start(rabbitmqScript('rabbitmq-server'), { env: site.env, cwd: site.dir });
  try {
    await child.waitForLine('Server startup complete', BOOT_DEADLINE_MS);
  } catch (error) {
    await child.kill();
    throw error;
  }
  return child;
}

interface Ports {
  readonly port: number;
  readonly tlsPort: number;
  readonly mapperPort: number;
  readonly distributionPort: number;
}

async function distinctPorts(): Promise<readonly [number, number, number, number]> {
  return waitFor(
    async () => {
      const [a = 0, b = 0, c = 0, d = 0] = await Promise.all(Array.from({ length: 4 }, () => freePort()));
      return new Set([a, b, c, d]).size === 4 && ([a, b, c, d] as const);
    },
    { what: 'four free ports' },
  );
}

async function prepareSite(dir: string, options: RabbitmqServerOptions, ports: Ports): Promise<Site> {
  const file = (name: string) => join(dir, name);
  await mkdir(file('home'));
  await writeFile(file('enabled_plugins'), `[${(options.plugins ?? []).join(',')}].\n`);
  await writeFile(file('rabbitmq.conf'), `${configLines(options, ports, file('definitions.json')).join('\n')}\n`);
  if (options.definitions !== undefined) {
    await writeFile(file('definitions.json'), JSON.stringify(options.definitions));
  }
  const env = {
    HOME: file('home'),
    RABBITMQ_NODENAME: `test-${String(ports.port)}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(ports.port),
    RABBITMQ_DIST_PORT: String(ports.distributionPort),
    ERL_EPMD_PORT: String(ports.mapperPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_MNESIA_BASE: file('data'),
    RABBITMQ_LOG_BASE: file('log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_CONFIG_FILE: file('rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: file('no-env.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins'),
    RABBITMQ_PID_FILE: file('pid'),
    // The script then becomes the node itself, instead of waiting for it: signals reach it, and it dies with us.
    detached: '1',
    RABBITMQ_SERVER_START_ARGS: '-noinput',
  };
  return { dir, env };
}

function configLines(options: RabbitmqServerOptions, ports: Ports, definitionsFile: string): readonly string[] {
  const lines = [
    `listeners.tcp.1 = 127.0.0.1:${String(ports.port)}`,
    // A node that shares its machine with other tests must not raise an alarm for them.
    'vm_memory_high_watermark.absolute = 2GB',
    'disk_free_limit.absolute = 1MB',
  ];
  if (options.tls !== undefined) {
    const { caFile, certFile, keyFile } = options.tls;
    lines.push(
      `listeners.ssl.1 = 127.0.0.1:${String(ports.tlsPort)}`,
      `ssl_options.cacertfile = ${caFile}`,
      `ssl_options.certfile = ${certFile}`,
      `ssl_options.keyfile = ${keyFile}`,
      'ssl_options.verify = verify_peer',
      'ssl_options.fail_if_no_peer_cert = false',
    );
  }
  if (options.definitions !== undefined) lines.push(`load_definitions = ${definitionsFile}`);
  if (options.config !== undefined) lines.push(options.config);
  return lines;
}
