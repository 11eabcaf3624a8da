import { describe, expect, it } from 'vitest';
import { AppError } from '#lib/kernel';
import type { BrokerSession } from './broker-session.js';
import type { ConnectContext } from './connect-context.js';
import { addressText, type BrokerAddress } from './connect-options.js';
import { ControlLink } from './control-link.js';

const { signal } = new AbortController();

function setUp() {
  const brokers = ['a:1', 'b:1', 'c:1'];
  const down = new Set<string>();
  const tried: string[] = [];
  const log: string[] = [];
  /** Set, a connection is made only when this resolves. */
  const gate: { open?: Promise<void> } = {};
  const open = async (_context: ConnectContext, address: BrokerAddress, opening: AbortSignal) => {
    const name = addressText(address);
    tried.push(name);
    await gate.open;
    if (opening.aborted) throw new AppError('BROKER_UNREACHABLE', 'aborted');
    if (down.has(name)) throw new AppError('BROKER_UNREACHABLE', `${name} is down`);
    const connection = { retire: () => log.push(`retire ${name}`), destroy: () => log.push(`destroy ${name}`) };
    return { name, isUsable: true, connection } as unknown as BrokerSession & { readonly name: string };
  };
  const candidates = () => brokers.map((name) => ({ host: name.slice(0, 1), port: 1 }));
  const link = new ControlLink({} as ConnectContext, candidates, open);
  const session = async () => ((await link.session(signal)) as unknown as { readonly name: string }).name;
  return { link, session, down, tried, log, gate };
}

describe('ControlLink', () => {
  it('goes from broker to broker when it is told to leave one, and lets go of the old one gently', async () => {
    const { link, session, down, log } = setUp();
    expect([await session(), await session()]).toEqual(['a:1', 'a:1']);
    link.leave();
    expect(await session()).toBe('b:1');
    down.add('c:1');
    link.leave();
    expect(await session()).toBe('a:1');
    expect(log).toEqual(['retire a:1', 'destroy a:1', 'retire b:1']);
    down.add('b:1');
    link.leave();
    expect(await session()).toBe('a:1');
  });

  it('begins with another broker at each attempt', async () => {
    const { session, down, tried } = setUp();
    for (const name of ['a:1', 'b:1', 'c:1']) down.add(name);
    for (let i = 0; i < 3; i++) await expect(session()).rejects.toThrow('is down');
    expect(tried.filter((_name, i) => i % 3 === 0)).toEqual(['a:1', 'b:1', 'c:1']);
  });

  it('begins anew for who comes after the last one has gone', async () => {
    const { link, session, gate } = setUp();
    let pass = () => {};
    gate.open = new Promise((resolve) => (pass = resolve));
    const gone = new AbortController();
    const first = link.session(gone.signal);
    gone.abort();
    await expect(first).rejects.toThrow('aborted');
    const second = session();
    pass();
    expect(await second).toMatch(/:1$/);
  });
});
