import { createHash } from 'node:crypto';
import type { AppConfig } from '#lib/config';

/**
 * A name under which a broker can tell that two connections serve the same slot, so that a new one shuts an abandoned
 * one out (the fence): the slot's and the database's names, readable, and a digest of all that tells two installations
 * apart (hosts, port, database, slot, topic, prefix). Replicas with the same configuration get the same name; two
 * databases whose slots share the default name do not.
 */
export function publisherIdentity({ database, listener, publisher }: AppConfig): string {
  const parts = [
    [...database.hosts].toSorted().join(','),
    String(database.port),
    database.name,
    listener.slotName,
    publisher.topic,
    publisher.topicPrefix,
  ];
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
  return `wal-listener.${database.name.replace(/[^\w-]/g, '_').slice(0, 60)}.${listener.slotName}.${digest}`;
}
