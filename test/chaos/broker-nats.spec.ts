import { DiscardPolicy } from 'nats';
import { describe, expect, it } from 'vitest';
import { TOPIC } from '../e2e/support/broker-under-test.js';
import { NatsBroker } from '../e2e/support/nats-broker.js';
import { BehindProxy } from './support/behind-proxy.js';
import { Drill } from './support/drill.js';
import { survivesNetworkFaults } from './support/network-faults.js';
import { Remembering } from './support/remembering.js';
import { SmallDisk, smallDiskAvailable, smallDiskSuite } from './support/small-disk.js';

const DISK_MB = 128;

describe.skipIf(!smallDiskAvailable).each([smallDiskSuite('before a nats-server whose disk is full')])('%s', () => {
  it('events wait until there is room and the server was restarted, and then arrive complete and in order', async () => {
    const disk = await SmallDisk.mount(DISK_MB);
    await using drill = await Drill.start(() => NatsBroker.start({ dir: disk }));
    drill.load();
    await drill.recovers();
    await disk.fillUp(256 * 1024);
    // Which of the two depends on the version: 2.9 comes to a standstill, later ones switch JetStream off for good.
    await drill.brokerDown(/BROKER_TIMEOUT|BROKER_REFUSED/);
    await drill.confirmsNothingMore(async () => {
      await drill.broker.kill();
      await disk.makeRoom();
      await drill.brokerDown('BROKER_UNREACHABLE');
    });
    await drill.broker.start();
    await drill.recovers();
    expect((await drill.endsWithNothingLost()).faults).toEqual([]);
  });
});

/**
 * A stream that refuses what it has no room for. Counted in messages: nats-server 2.9 removes the oldest message, which it
 * has acknowledged, where another one would just fit into max_bytes but for the server's own overhead.
 */
async function smallStream(): Promise<NatsBroker> {
  const broker = await NatsBroker.start();
  const client = await broker.server.client();
  const { streams } = await client.jetstreamManager();
  await streams.add({ name: TOPIC, subjects: [`${TOPIC}.>`], max_msgs: 2000, discard: DiscardPolicy.New });
  await client.close();
  return broker;
}

describe('before a stream', () => {
  it('that is full, and later deleted, events wait and arrive in the end', async () => {
    await using drill = await Drill.start(async () => new Remembering(await smallStream()));
    drill.load();
    await drill.brokerDown('BROKER_REFUSED');
    await drill.confirmsNothingMore(() => drill.probes.expectAlive());
    const { server } = drill.broker.broker;
    const client = await server.client();
    const { streams } = await client.jetstreamManager();
    const limits = { max_msgs: -1 };
    await streams.update(TOPIC, limits);
    await drill.recovers();

    await drill.quiet();
    await drill.broker.remember();
    const { config } = await streams.info(TOPIC);
    await streams.delete(TOPIC);
    drill.load();
    await drill.confirmsNothingMore(async () => {
      await drill.brokerDown('BROKER_REFUSED');
      await drill.child.waitForLine(`stream \\"${TOPIC}\\" does not exist any more`);
    });
    await streams.add(config);
    await client.close();
    await drill.recovers();
    expect((await drill.endsWithNothingLost()).faults).toEqual([]);
  });
});

describe('before NATS JetStream', () => {
  survivesNetworkFaults({
    start: () => BehindProxy.start(NatsBroker.start),
    network: ({ network }) => network,
    server: ({ broker }) => broker.server,
    // What the stream holds already is found at its end.
    repeats: false,
  });
});
