import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type NatsConnection } from 'nats';
import { Child } from './child-process.js';
import { freePort } from './free-port.js';
import { onPath } from './install-packages.js';
import { tempDir, type TempDir } from './temp-dir.js';

export interface NatsServerOptions {
  /** Lines of nats-server's configuration file: authorization, tls, max_payload … */
  readonly config?: string;
  /** The program; default: TEST_NATS_SERVER, else the one installed. */
  readonly program?: string;
  /** Where configuration and data are kept; default: a temporary folder. Disposed of with the server. */
  readonly dir?: TempDir;
}

/** A nats-server with JetStream of this test's own: free port, own data folder, which both survive a restart. */
export class NatsServer implements AsyncDisposable {
  private constructor(
    readonly port: number,
    private readonly dir: TempDir,
    private readonly program: string,
    private child: Child,
  ) {}

  static async create(options: NatsServerOptions = {}): Promise<NatsServer> {
    const dir = options.dir ?? (await tempDir());
    const port = await freePort();
    await writeFile(join(dir.path, 'nats.conf'), options.config ?? '');
    const program = options.program ?? natsServerProgram();
    const child = await run(program, port, dir.path);
    return new NatsServer(port, dir, program, child);
  }

  get url(): string {
    return `nats://${this.address}`;
  }

  /** `127.0.0.1:port` */
  get address(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  /** SIGKILL: what was acknowledged is on disk, nothing else is certain. */
  async kill(): Promise<void> {
    await this.child.kill();
  }

  /** Ends in order, as a deployment does. */
  async stop(): Promise<void> {
    await this.child.terminate();
  }

  /** Starts again on the same port and data, after `kill` or `stop`. */
  async start(): Promise<void> {
    this.child = await run(this.program, this.port, this.dir.path);
  }

  /** Stands still without closing a connection. */
  freeze(): void {
    this.child.signal('SIGSTOP');
  }

  thaw(): void {
    this.child.signal('SIGCONT');
  }

  /** A client of the test's own, straight to the server. */
  async client(options: ConnectionOptions = {}): Promise<NatsConnection> {
    return connect({ servers: this.address, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.kill();
    await this.dir[Symbol.asyncDispose]();
  }
}

/** Starts a server that is ended, and its data removed, when it is disposed of. */
export function startNats(options: NatsServerOptions = {}): Promise<NatsServer> {
  return NatsServer.create(options);
}

async function run(program: string, port: number, dir: string): Promise<Child> {
  const args = ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', join(dir, 'data'), '-c', join(dir, 'nats.conf')];
  const child = Child.start(program, { args });
  try {
    await child.waitForLine('Server is ready');
  } catch (error) {
    await child.kill();
    throw error;
  }
  return child;
}

/** The nats-server that tests run unless told otherwise. */
export function natsServerProgram(): string {
  const wanted = process.env['TEST_NATS_SERVER'];
  if (wanted !== undefined && wanted !== '') return wanted;
  if (!onPath('nats-server')) {
    throw new Error(
      'nats-server is not installed (apt-get install nats-server; or name the program in TEST_NATS_SERVER). ' +
        'TEST_NATS_URL cannot stand in: this test starts, stops and kills its server.',
    );
  }
  // Debian's folder for servers is not on every user's PATH.
  return ['/usr/sbin/nats-server', '/usr/local/bin/nats-server'].find((path) => existsSync(path)) ?? 'nats-server';
}
