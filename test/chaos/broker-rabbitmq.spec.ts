import { describe, expect, it } from 'vitest';
import { RabbitmqBroker } from '../e2e/support/rabbitmq-broker.js';
import { BehindProxy } from './support/behind-proxy.js';
import { Drill } from './support/drill.js';
import { survivesNetworkFaults } from './support/network-faults.js';
import { SmallDisk, smallDiskAvailable, smallDiskSuite } from './support/small-disk.js';

const DISK_MB = 256;
/** The node raises its alarm when no more than that is left. */
const DISK_LIMIT_MB = 64;

describe('before RabbitMQ', () => {
  survivesNetworkFaults({
    start: () => BehindProxy.start(() => RabbitmqBroker.start()),
    network: ({ network }) => network,
    server: ({ broker }) => broker.server,
    repeats: true,
  });
});

describe
  .skipIf(!smallDiskAvailable)
  .each([
    smallDiskSuite('before quorum queues on a RabbitMQ that is short of memory, then of disk, then loses its exchange'),
  ])('%s', () => {
  it('events wait each time, and arrive complete and in order', async () => {
    const disk = await SmallDisk.mount(DISK_MB);
    const config = `disk_free_limit.absolute = ${String(DISK_LIMIT_MB)}MB`;
    // What no queue takes while nothing leads to the queues is to wait too.
    await using drill = await Drill.start(() => RabbitmqBroker.start('quorum', { dir: disk, config }), {
      WAL_PUBLISHER_UNROUTABLE: 'block',
    });
    const { server } = drill.broker;
    drill.load();
    await drill.recovers();

    await server.ctl('set_vm_memory_high_watermark', '0.0001');
    await drill.brokerDown('BROKER_REFUSED');
    await drill.confirmsNothingMore(() => drill.probes.expectAlive());
    await server.ctl('set_vm_memory_high_watermark', '0.8');
    await drill.recovers();

    await disk.fillUp((DISK_LIMIT_MB / 2) * 1024 * 1024);
    await drill.brokerDown('BROKER_REFUSED');
    await drill.confirmsNothingMore(() => drill.probes.expectAlive());
    await disk.makeRoom();
    await drill.recovers();

    await drill.broker.deleteExchange();
    await drill.brokerDown('BROKER_REFUSED');
    await drill.confirmsNothingMore(() => drill.probes.expectAlive());
    await drill.broker.bindQueues();
    await drill.recovers();
    expect((await drill.endsWithNothingLost()).faults).toEqual([]);
  });
});
