import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Child } from './child-process.js';
import { freePort } from './free-port.js';
import { PUBSUB_PROJECT, PubsubTestClient } from './pubsub-test-client.js';
import { tempDir, type TempDir } from './temp-dir.js';

export interface PubsubEmulatorOptions {
  /** The largest heap of the emulator's Java, for example `1g` for a benchmark; default: 512m. */
  readonly heap?: string;
  /** Whether Java compiles to its best, which a benchmark wants and a short test does not; default: false. */
  readonly fullSpeed?: boolean;
}

/**
 * Google's Pub/Sub emulator on a free port. It keeps everything in memory: a killed one forgets all topics and messages,
 * which no Pub/Sub service does.
 */
export class PubsubEmulator implements AsyncDisposable {
  private constructor(
    readonly port: number,
    private readonly dir: TempDir,
    private readonly options: PubsubEmulatorOptions,
    private child: Child,
  ) {}

  static async create(options: PubsubEmulatorOptions = {}): Promise<PubsubEmulator> {
    const dir = await tempDir();
    const port = await freePort();
    return new PubsubEmulator(port, dir, options, await run(port, dir.path, options));
  }

  /** `127.0.0.1:port`, also what PUBSUB_EMULATOR_HOST wants. */
  get address(): string {
    return `127.0.0.1:${String(this.port)}`;
  }

  /** SIGKILL: topics, subscriptions and messages are gone. */
  async kill(): Promise<void> {
    await this.child.kill();
  }

  /** Starts again on the same port, empty. */
  async start(): Promise<void> {
    this.child = await run(this.port, this.dir.path, this.options);
  }

  /** Stands still without closing a connection. */
  freeze(): void {
    this.child.signal('SIGSTOP');
  }

  thaw(): void {
    this.child.signal('SIGCONT');
  }

  /** The largest resident memory of the emulator so far in bytes. */
  peakRssBytes(): number | undefined {
    return this.child.peakRssBytes();
  }

  /** A client of the test's own, straight to the emulator. */
  client(project = PUBSUB_PROJECT): PubsubTestClient {
    return new PubsubTestClient(this.address, project);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.kill();
    await this.dir[Symbol.asyncDispose]();
  }
}

/** Starts an emulator that is ended when it is disposed of. */
export function startPubsub(options: PubsubEmulatorOptions = {}): Promise<PubsubEmulator> {
  return PubsubEmulator.create(options);
}

const jar = emulatorJar();

/** Whether the emulator and Java are here: suites that need it are skipped (and counted as that) when not. */
export const pubsubAvailable: boolean = jar !== undefined && hasJava();

const HOW_TO_GET = 'install google-cloud-cli-pubsub-emulator and Java, or name the jar in TEST_PUBSUB_EMULATOR_JAR';

/** The suite's name, which says why it is skipped when it is: `describe.skipIf(!pubsubAvailable).each([pubsubSuite('…')])('%s', …)`. */
export const pubsubSuite = (name: string): string =>
  pubsubAvailable ? name : `${name} [SKIPPED, no Pub/Sub emulator: ${HOW_TO_GET}]`;

async function run(
  port: number,
  dir: string,
  { heap = '512m', fullSpeed = false }: PubsubEmulatorOptions,
): Promise<Child> {
  if (jar === undefined) throw new Error('the Pub/Sub emulator is not installed: google-cloud-cli-pubsub-emulator');
  const quickStart = fullSpeed ? [] : ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
  const args = [`-Xmx${heap}`, ...quickStart, '-jar', jar, '--host=127.0.0.1', `--port=${String(port)}`];
  const child = Child.start('java', { args, cwd: dir });
  try {
    await child.waitForLine('Server started, listening', 60_000);
  } catch (error) {
    await child.kill();
    throw error;
  }
  return child;
}

/** TEST_PUBSUB_EMULATOR_JAR, else the jar of the Debian package of Google's. */
function emulatorJar(): string | undefined {
  const wanted = process.env['TEST_PUBSUB_EMULATOR_JAR'] ?? '';
  const path = wanted === '' ? installedJar() : wanted;
  if (path !== undefined && !existsSync(path)) throw new Error(`there is no emulator at ${path}`);
  return path;
}

function installedJar(): string | undefined {
  try {
    const files = execFileSync('dpkg', ['-L', 'google-cloud-cli-pubsub-emulator'], { encoding: 'utf8', stdio: 'pipe' });
    return files.split('\n').find((file) => /\/cloud-pubsub-emulator-[^/]*-all\.jar$/.test(file));
  } catch {
    return undefined;
  }
}

function hasJava(): boolean {
  try {
    execFileSync('java', ['-version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
