import { describe, expect, it } from 'vitest';
import type { BrokerSession } from './broker-session.js';
import { describeTopics } from './cluster-calls.js';

/** A broker that knows these values of `max.message.bytes`, by topic; undefined = it does not tell. */
function sessionOf(limits: Readonly<Record<string, string | null | undefined>>): BrokerSession {
  const resources = Object.entries(limits).map(([resourceName, configValue]) => ({
    errorCode: 0,
    resourceName,
    configEntries: configValue === undefined ? [] : [{ configName: 'max.message.bytes', configValue }],
  }));
  return { ask: () => Promise.resolve({ resources }) } as unknown as BrokerSession;
}

describe('describeTopics', () => {
  it('leaves a topic out whose limit is not told', async () => {
    const limits = { known: '5000', missing: undefined, hidden: null, empty: '', zero: '0', odd: 'many' };
    const settings = await describeTopics(sessionOf(limits), Object.keys(limits));
    expect([...settings].map(([name, { maxMessageBytes }]) => [name, maxMessageBytes])).toEqual([['known', 5000]]);
  });
});
