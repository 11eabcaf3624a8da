import type { TcpProxy } from '../../support/tcp-proxy.js';
import type { BrokerUnderTest } from '../../e2e/support/broker-under-test.js';

/** Where the broker keeps a message: within the lane, counted from 0. */
export interface Place {
  readonly lane: string;
  readonly index: number;
}

/** What the broker held at one moment. To be asked once everything was read. */
export interface Holding {
  readonly holds: (place: Place) => boolean;
  /** For a person. */
  readonly what: string;
}

/** A broker that the service reaches through a network that fails, and that can be looked into past that network. */
export interface StormBroker extends BrokerUnderTest {
  readonly network: TcpProxy;
  /** What it holds right now; rejects while it does not answer. */
  holding(): Promise<Holding>;
  /** Stands still without closing a connection, and goes on. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL, and a start with what it had; absent where a killed one forgets everything. */
  readonly restart?: ((downMs: number) => Promise<void>) | undefined;
}

/** For lanes that only ever grow: what lies before the counts of that moment was there. */
export function holdingBelow(counts: ReadonlyMap<string, number>): Holding {
  return {
    holds: ({ lane, index }) => index < (counts.get(lane) ?? 0),
    what: [...counts].map(([lane, count]) => `${String(count)} in ${lane}`).join(),
  };
}

/** Gives up waiting for a broker that stands still. */
export async function inTime<T>(answer: Promise<T>, ms = 1000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
