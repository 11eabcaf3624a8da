import { describe, expect, it } from 'vitest';
import { EVENT_TOPICS } from '../e2e/support/broker-under-test.js';
import { PubsubBroker } from '../e2e/support/pubsub-broker.js';
import { pubsubAvailable, pubsubSuite } from '../support/pubsub-emulator.js';
import { Drill } from './support/drill.js';
import { survivesNetworkFaults } from './support/network-faults.js';

describe.skipIf(!pubsubAvailable).each([pubsubSuite('before Google Pub/Sub')])('%s', () => {
  survivesNetworkFaults({
    start: PubsubBroker.start,
    network: ({ network }) => network,
    server: ({ emulator }) => emulator,
    repeats: true,
  });
});

describe.skipIf(!pubsubAvailable).each([pubsubSuite('before a Pub/Sub whose topics are deleted')])('%s', () => {
  it('the service names them and ends, and everything arrives when they are made again', async () => {
    await using drill = await Drill.start(PubsubBroker.start);
    const { emulator } = drill.broker;
    drill.load();
    await drill.recovers();
    await drill.quiet();
    // A subscription holds what its topic had, but gets nothing of another topic of that name.
    await drill.scenario.received();
    await using client = emulator.client();
    for (const topic of EVENT_TOPICS) {
      await client.deleteTopic(topic);
      await client.unsubscribe(topic);
    }
    drill.load();
    await drill.confirmsNothingMore(async () => {
      await drill.child.waitForLine('"code":"SUBJECT_NOT_COVERED"');
      expect(await drill.child.waitForExit(60_000)).toEqual({ code: 1, signal: null });
    });
    await drill.broker.createTopics();
    drill.restart();
    await drill.recovers();
    expect((await drill.endsWithNothingLost()).faults).toEqual([]);
  });
});
