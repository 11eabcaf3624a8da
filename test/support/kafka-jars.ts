import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { onPath } from './install-packages.js';

const KAFKA_VERSION = '4.4.0';
/** Without it Kafka logs nothing at all, not even that it is ready. */
const LOG4J_VERSION = '2.25.5';
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka-server</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>${LOG4J_VERSION}</version></dependency>
  </dependencies>
</project>
`;

/** Where the jars of the Kafka server lie, once fetched. */
function kafkaJarDir(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? '';
  const root = cache === '' ? join(homedir(), '.cache') : cache;
  return join(root, 'wal-listener-tests', `kafka-${KAFKA_VERSION}`);
}

/**
 * Makes sure that the jars of Apache Kafka are there, fetched with Maven the first time (65 MB), and gives their folder.
 * Runs at the same time do not disturb one another.
 */
export async function ensureKafkaJars(): Promise<string> {
  const dir = kafkaJarDir();
  if (!onPath('java')) throw new Error(missing('java'));
  // The folder appears with all its files at once.
  if (existsSync(dir)) return dir;
  if (!onPath('mvn')) throw new Error(missing('mvn'));
  await mkdir(dirname(dir), { recursive: true });
  const temp = await mkdtemp(join(dirname(dir), `${basename(dir)}.fetching-`));
  try {
    await fetchJars(temp);
    await rename(join(temp, 'lib'), dir).catch((error: unknown) => {
      // Another run was quicker.
      if (!existsSync(dir)) throw error;
    });
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
  return dir;
}

async function fetchJars(dir: string): Promise<void> {
  process.stdout.write(`Fetching Apache Kafka ${KAFKA_VERSION} with Maven …\n`);
  const pom = join(dir, 'pom.xml');
  await writeFile(pom, POM);
  const args = ['-q', '-B', '-f', pom, COPY, `-DoutputDirectory=${join(dir, 'lib')}`, '-DincludeScope=runtime'];
  try {
    await promisify(execFile)('mvn', args, { timeout: 300_000, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout).slice(-2000) : '';
    throw new Error(`Maven could not fetch Apache Kafka ${KAFKA_VERSION}:\n${output}`, { cause: error });
  }
}

function missing(program: string): string {
  return (
    `${program} is not installed; the Kafka tests run a real Apache Kafka ${KAFKA_VERSION}:\n` +
    'apt-get install -y --no-install-recommends default-jre-headless maven kcat'
  );
}
