import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BrokerUnderTest } from '../../e2e/support/broker-under-test.js';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import { waitFor } from '../../support/wait-for.js';
import { Drill } from './drill.js';

const SILENT = /BROKER_TIMEOUT|BROKER_UNREACHABLE/;
/** The largest message by far: half of it is within a message for certain. */
const LARGE_BYTES = 600_000;

interface Freezable {
  freeze(): void;
  thaw(): void;
}

export interface NetworkCase<Broker extends BrokerUnderTest> {
  readonly start: () => Promise<Broker>;
  /** Between the service and the broker. */
  readonly network: (broker: Broker) => TcpProxy;
  readonly server: (broker: Broker) => Freezable;
  /** Whether a crash between acknowledgement and confirmation leaves repeats. */
  readonly repeats: boolean;
}

/** One program and one broker, which go through every fault of the network between them, one after the other. */
export function survivesNetworkFaults<Broker extends BrokerUnderTest>(given: NetworkCase<Broker>): void {
  let drill: Drill<Broker>;
  let network: TcpProxy;

  beforeAll(async () => {
    drill = await Drill.start(given.start, {}, (broker) => {
      network = given.network(broker);
      network.halfOpen(true);
    });
  });
  afterAll(async () => {
    await drill[Symbol.asyncDispose]();
  });

  /** Breaks connections, waits for the next one, and for all that was committed until then. */
  async function reconnects(cut: () => Promise<void> | void): Promise<void> {
    const before = network.accepted;
    await cut();
    await waitFor(() => network.accepted > before, {
      what: () => `another connection${drill.child.lastOutput()}`,
      deadlineMs: 60_000,
    });
    await drill.recovers();
  }

  it('connects in the end when its connections are first not answered, and then cut in the middle, late and slow', async () => {
    await drill.probes.brokerDown(SILENT, drill.child);
    network.cutAfter(100, 'toClient');
    network.latency(50);
    network.drip({ bytes: 200, everyMs: 10 });
    network.halfOpen(false);
    await drill.probes.ready(drill.child);
    network.drip(undefined);
    network.latency(0);
    expect(drill.child.running).toBe(true);
  });

  it('delivers through a network that takes 200 ms, and one that takes everything by the spoonful', async () => {
    drill.load();
    network.latency(200);
    await drill.recovers();
    network.latency(0);
    const before = await drill.scenario.confirmedLsn();
    network.drip({ bytes: 2000, everyMs: 10 });
    await drill.scenario.confirmsBeyond(before);
    await drill.probes.expectAlive();
    network.drip(undefined);
    await drill.recovers();
    expect(drill.child.running).toBe(true);
  });

  it.each([
    { fault: 'is silent', begin: () => network.stall(), end: () => network.resume() },
    {
      fault: 'is half open',
      begin: () => {
        network.halfOpen(true);
        network.cut();
      },
      end: () => network.halfOpen(false),
    },
    {
      fault: 'refuses connections',
      begin: () => {
        network.refuse(true);
        network.cut();
      },
      end: () => network.refuse(false),
    },
    {
      fault: 'leads to a broker that stands still',
      begin: () => given.server(drill.broker).freeze(),
      end: () => given.server(drill.broker).thaw(),
    },
  ])(
    'is unready and alive while the network $fault, confirms nothing, and goes on afterwards',
    async ({ begin, end }) => {
      begin();
      await drill.brokerDown(SILENT);
      await drill.confirmsNothingMore(() => drill.brokerDown(SILENT));
      end();
      await drill.recovers();
      expect(drill.child.running).toBe(true);
    },
  );

  it('goes on after connections that end anywhere', async () => {
    await reconnects(() => network.cut());
    for (const bytes of [1013, 40_009]) await reconnects(() => network.cutAfter(bytes, 'toServer'));
    for (const bytes of [1, 67]) await reconnects(() => network.cutAfter(bytes, 'toClient'));
    expect(drill.child.running).toBe(true);
  });

  it('goes on after connections that end within the only message, and within its acknowledgement', async () => {
    await drill.quiet();
    await reconnects(async () => {
      network.cutAfter(LARGE_BYTES / 2, 'toServer');
      await drill.insertAlone(LARGE_BYTES);
    });
    await reconnects(async () => {
      network.cutAfter(10, 'toClient');
      await drill.insertAlone();
    });
    expect(drill.child.running).toBe(true);
  });

  it('has the same ids and bodies again after SIGKILL between acknowledgement and confirmation, and lost nothing in all', async () => {
    await drill.crashesUnconfirmed();
    const received = await drill.endsWithNothingLost();
    expect(received.repeats > 0 || !given.repeats).toBe(true);
  });
}
