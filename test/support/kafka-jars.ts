import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached, cacheRoot } from './cache-folder.js';
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

/** Makes sure that the jars of Apache Kafka are there, fetched with Maven the first time (65 MB), and gives their folder. */
export function ensureKafkaJars(): Promise<string> {
  if (!onPath('java')) throw new Error(missing('java'));
  return cached(cacheRoot(), `kafka-${KAFKA_VERSION}`, async (folder) => {
    if (!onPath('mvn')) throw new Error(missing('mvn'));
    await fetchJars(folder);
  });
}

async function fetchJars(dir: string): Promise<void> {
  process.stdout.write(`Fetching Apache Kafka ${KAFKA_VERSION} with Maven …\n`);
  const pom = join(dir, '..', 'pom.xml');
  await writeFile(pom, POM);
  const args = ['-q', '-B', '-f', pom, COPY, `-DoutputDirectory=${dir}`, '-DincludeScope=runtime'];
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
