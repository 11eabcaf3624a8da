import { afterEach, describe, expect, it, vi } from 'vitest';
import { noMetrics } from '#lib/kernel';
import { publisherTestConfig } from '../testing/publisher-config.js';
import { EventMaker } from '../testing/outgoing-events.js';
import { RecordingListener } from '../testing/recording-listener.js';
import { StandingClock } from '../testing/standing-clock.js';
import { LinkPool } from './link-pool.js';
import { type LinkListener, RabbitLink } from './rabbit-link.js';
import { RabbitmqPublisher } from './rabbitmq.publisher.js';

const ACK_TIMEOUT_MS = 6000;
const signal = () => new AbortController().signal;
const never = () => new Promise<never>(() => undefined);

/** A connection that does what is asked, and can be told to do nothing (`mute`). */
class FakeLink {
  isAlive = true;
  upcomingTag = 1;
  blockedReason: string | undefined;
  readonly party: { readonly address: string };

  constructor(
    address: string,
    private readonly mute: boolean,
    readonly listener: LinkListener,
  ) {
    this.party = { address };
  }

  get self(): RabbitLink {
    return this as unknown as RabbitLink;
  }
  openChannel = () => (this.mute ? never() : Promise.resolve());
  onScratchChannel = (_what: string) => (this.mute ? never() : Promise.resolve(true));
  publish = () => true;
  flush = () => true;
  close = () => Promise.resolve();
  destroy(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.listener.lost(this.self, new Error('closed') as never, undefined);
  }
}

function fixture(options: { readonly muteAddress?: string; readonly blockedReason?: string } = {}) {
  const links: FakeLink[] = [];
  vi.spyOn(RabbitLink, 'open').mockImplementation((_publisher, { address }, _admitted, _timeoutMs, listener) => {
    const link = new FakeLink(address, address === options.muteAddress, listener);
    link.blockedReason = options.blockedReason;
    links.push(link);
    return Promise.resolve(link.self);
  });
  const { publisher: config } = publisherTestConfig({ type: 'rabbitmq', addresses: ['a:1', 'b:2'] });
  const clock = new StandingClock();
  const listener = new RecordingListener();
  const silent = () => undefined;
  const logger = { debug: silent, info: silent, warn: silent, error: silent };
  const pool = new LinkPool(config);
  const start = () =>
    new RabbitmqPublisher(
      { publisher: config, placeName: 'place', ackTimeoutMs: ACK_TIMEOUT_MS, pool, logger, metrics: noMetrics, clock },
      listener,
    );
  return { links, clock, listener, start };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

afterEach(() => void vi.restoreAllMocks());

describe('RabbitmqPublisher', () => {
  it('leaves a broker that takes connections and does not answer for the next one', async () => {
    const { links, clock, start } = fixture({ muteAddress: 'a:1' });
    const first = start().open(signal());
    const failed = expect(first).rejects.toMatchObject({ code: 'BROKER_TIMEOUT', retriable: true });
    await settled();
    clock.pass(ACK_TIMEOUT_MS);
    await failed;
    expect(links[0]?.isAlive).toBe(false);
    await start().open(signal());
    expect(links.map((link) => link.party.address)).toEqual(['a:1', 'b:2']);
  });

  it('leaves a broker that does not give or refuse the place for the next one', async () => {
    const { links, clock, start } = fixture();
    const publisher = start();
    await publisher.open(signal());
    if (links[0] !== undefined) links[0].onScratchChannel = never;
    const failed = expect(publisher.prepare([], signal())).rejects.toMatchObject({ code: 'BROKER_TIMEOUT' });
    await settled();
    clock.pass(ACK_TIMEOUT_MS);
    await failed;
    await start().open(signal());
    expect(links.at(-1)?.party.address).toBe('b:2');
  });

  it('leaves a broker that confirms nothing for the next one', async () => {
    const { links, clock, listener, start } = fixture();
    const publisher = start();
    await publisher.open(signal());
    await publisher.prepare([], signal());
    publisher.publish(new EventMaker('app').batch(1));
    await settled();
    clock.pass(ACK_TIMEOUT_MS);
    await settled();
    expect(listener.states.at(-1)).toMatchObject({ code: 'BROKER_TIMEOUT' });
    clock.pass(10_000);
    await settled();
    expect(links.map((link) => link.party.address)).toEqual(['a:1', 'b:2']);
    const closing = publisher.close(0);
    clock.pass(1);
    await closing;
  });

  it('tells of an alarm that was there before the connection was its own, until it is over', async () => {
    const { links, listener, start } = fixture({ blockedReason: 'low on disk' });
    const publisher = start();
    await publisher.open(signal());
    await publisher.prepare([], signal());
    expect(listener.states.at(-1)?.message).toContain('low on disk');
    const link = links[0];
    if (link === undefined) throw new Error('no link');
    link.blockedReason = undefined;
    link.listener.blocked(link.self, undefined);
    expect(listener.isUp).toBe(true);
    await publisher.close(0);
  });

  it('does not take the end of an alarm for the end of a refusal', async () => {
    const { links, listener, start } = fixture();
    const publisher = start();
    await publisher.open(signal());
    await publisher.prepare([], signal());
    publisher.publish(new EventMaker('app').batch(1));
    await settled();
    const link = links[0];
    if (link === undefined) throw new Error('no link');
    link.listener.confirmed(link.self, 1, false, false);
    await settled();
    expect(listener.states.at(-1)).toMatchObject({ code: 'BROKER_REFUSED' });
    link.listener.blocked(link.self, undefined);
    expect(listener.isUp).toBe(false);
    await publisher.close(0);
  });
});
