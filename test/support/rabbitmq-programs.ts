import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Debian's folder, which holds one folder per version. */
const RELEASES = '/usr/lib/rabbitmq/lib';

/**
 * The folder of RabbitMQ's own scripts; undefined when it is not installed. What lies on PATH is a wrapper that drops the
 * environment.
 */
export function rabbitmqScripts(): string | undefined {
  if (!existsSync(RELEASES)) return undefined;
  return readdirSync(RELEASES)
    .map((release) => join(RELEASES, release, 'sbin'))
    .find((folder) => existsSync(join(folder, 'rabbitmq-server')));
}

/** The path of one of its scripts. @throws Error that says how to install it */
export function rabbitmqScript(name: 'rabbitmq-server' | 'rabbitmqctl'): string {
  const folder = rabbitmqScripts();
  if (folder === undefined) {
    throw new Error(
      'rabbitmq-server is not installed (apt-get install rabbitmq-server). ' +
        'TEST_RABBITMQ_URL cannot stand in: this test starts, stops and kills its server.',
    );
  }
  return join(folder, name);
}
