import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { natsServerProgram } from '../support/nats-server.js';
import { installedBinDir } from '../support/postgres.js';
import { rabbitmqScripts } from '../support/rabbitmq-programs.js';
import { repositoryRoot } from '../support/service.js';

/** Versions of the programs and clients that are measured with; PostgreSQL's own stands with each table. */
export function describeVersions(): Readonly<Record<string, string>> {
  const binDir = installedBinDir(15);
  return {
    pg_recvlogical: binDir === undefined ? 'not installed' : printedVersion(join(binDir, 'pg_recvlogical')),
    'nats-server': printedVersion(natsServerProgram()),
    RabbitMQ: /\d+(?:\.\d+)+/.exec(rabbitmqScripts() ?? '')?.[0] ?? 'not installed',
    'nats (client)': packageVersion('nats'),
    kafkajs: packageVersion('kafkajs'),
    amqplib: packageVersion('amqplib'),
    '@google-cloud/pubsub': packageVersion('@google-cloud/pubsub'),
    'pg (client)': packageVersion('pg'),
  };
}

function printedVersion(program: string): string {
  try {
    const text = execFileSync(program, ['--version'], { encoding: 'utf8' });
    return /\d+(?:\.\d+)+/.exec(text)?.[0] ?? text.trim();
  } catch {
    return 'not installed';
  }
}

function packageVersion(name: string): string {
  const text = readFileSync(join(repositoryRoot(), 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
