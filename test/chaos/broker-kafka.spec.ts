import { describe, expect, it } from 'vitest';
import { EVENT_TOPICS } from '../e2e/support/broker-under-test.js';
import { KafkaBroker } from '../e2e/support/kafka-broker.js';
import { waitFor } from '../support/wait-for.js';
import { Drill } from './support/drill.js';
import { survivesNetworkFaults } from './support/network-faults.js';
import { Remembering } from './support/remembering.js';
import { SmallDisk, smallDiskAvailable, smallDiskSuite } from './support/small-disk.js';

const DISK_MB = 256;

describe('before Apache Kafka', () => {
  survivesNetworkFaults({
    start: () => KafkaBroker.start({ topics: 'beforehand', server: { proxied: 'PLAINTEXT' } }),
    network: ({ server }) => server.proxy,
    server: ({ server }) => server,
    repeats: true,
  });
});

describe.skipIf(!smallDiskAvailable).each([smallDiskSuite('before a Kafka whose disk is full')])('%s', () => {
  it('events wait until the broker has room and is there again, and then arrive complete and in order', async () => {
    const disk = await SmallDisk.mount(DISK_MB);
    await using drill = await Drill.start(() => KafkaBroker.start({ topics: 'beforehand', server: { dir: disk } }));
    const { server } = drill.broker;
    drill.load();
    await drill.recovers();
    await disk.fillUp(256 * 1024);
    // Without its only log directory a broker ends.
    await waitFor(() => !server.running, { what: 'the end of the broker', deadlineMs: 120_000 });
    await drill.brokerDown(/BROKER_TIMEOUT|BROKER_UNREACHABLE/);
    await drill.confirmsNothingMore(() => disk.makeRoom());
    await server.start();
    await drill.recovers();
    expect((await drill.endsWithNothingLost()).faults).toEqual([]);
  });
});

describe('before a Kafka', () => {
  it('whose topics are deleted, events wait and arrive in the end', async () => {
    const start = async () => new Remembering(await KafkaBroker.start({ topics: 'beforehand' }));
    await using drill = await Drill.start(start);
    const { broker } = drill.broker;
    drill.load();
    await drill.recovers();
    await drill.quiet();
    await drill.broker.remember();
    await broker.server.admin((admin) => admin.deleteTopics({ topics: [...EVENT_TOPICS] }));
    drill.load();
    await drill.confirmsNothingMore(async () => {
      await drill.brokerDown('BROKER_REFUSED');
      await drill.child.waitForLine('does not exist any more');
    });
    await broker.createTopics();
    await drill.recovers();
    expect((await drill.endsWithNothingLost()).faults).toEqual([]);
  });
});
