import { describe, expect, it } from 'vitest';
import { NatsBroker } from '../e2e/support/nats-broker.js';
import { Scenario } from '../e2e/support/scenario.js';
import { START_MS, STREAMING } from '../e2e/support/standby-cases.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { waitFor } from '../support/wait-for.js';

const VERSION = 18;
/** JetStream's answer to a publish, on the way back. */
const PUB_ACK = /"stream":"shop", ?"seq":(\d+)/g;

describe('a crash between the acknowledgement of the broker and the confirmation to PostgreSQL', () => {
  it.each([
    { after: 1, how: 'right after the first' },
    { after: 500, how: 'after hundreds' },
  ])('$how: the same events come again under the same ids, and nothing is lost', async ({ after }) => {
    // Stored repeats would be hidden for as long as the duplicate window is open.
    const env = { WAL_PUBLISHER_NATS_DUPLICATE_WINDOW: '100ms' };
    await using scenario = await Scenario.start(VERSION, NatsBroker.start, env);
    await scenario.leaveTablesUnanalysed();
    await using broker = await TcpProxy.start(scenario.broker.server.port);
    const network = await TcpProxy.start(scenario.database.port);
    const victim = scenario.startListener({
      WAL_DATABASE_PORT: String(network.port),
      WAL_PUBLISHER_ADDRESS: broker.address,
    });
    await victim.waitForLine(STREAMING, START_MS);
    await scenario.writers(VERSION).writeChanges(scenario.database, 1);
    await scenario.caughtUp(60_000);
    const confirmed = await scenario.confirmedLsn();
    const stored = (await scenario.received()).bodies.size;

    // From here on no status reaches the server; the process dies in the moment in which this many are acknowledged.
    network.hold();
    let acknowledged = 0;
    broker.filterReplies((chunk) => {
      acknowledged += [...chunk.toString('latin1').matchAll(PUB_ACK)].length;
      if (acknowledged >= after) victim.signal('SIGKILL');
      return chunk;
    });
    const writers = scenario.writers(VERSION + 1);
    writers.start(5);
    expect(await victim.waitForExit(60_000)).toEqual({ code: null, signal: 'SIGKILL' });
    await writers.stop();
    await network[Symbol.asyncDispose]();
    const unconfirmed = await scenario.received();
    expect(unconfirmed.bodies.size).toBeGreaterThanOrEqual(stored + after);
    expect(await scenario.confirmedLsn()).toBe(confirmed);

    const heir = scenario.startListener();
    await waitFor(async () => (await scenario.confirmedLsn()) > confirmed, { what: 'progress', deadlineMs: 60_000 });
    await scenario.caughtUp(120_000);
    expect(await heir.terminate()).toEqual({ code: 0, signal: null });
    // Under other ids, what the dead process had published would be unknown to the undisturbed reader.
    await scenario.expectNothingLost();
  });
});
