import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../support/random.js';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import type { FaultKind, Target, Victims } from './fault.js';

interface NetworkFault {
  readonly what: string;
  /** How long it lasts; 0 = it happens once. */
  readonly ms: number;
  readonly begin: (proxy: TcpProxy) => void;
  readonly end?: (proxy: TcpProxy) => void;
}

const DIRECTIONS = ['toServer', 'toClient'] as const;
/** Longer than the storm's ackTimeout and heartbeats, and shorter. */
const duration = (random: Random) => random.between(300, 6000);

const DRAWS: readonly ((random: Random) => NetworkFault)[] = [
  () => ({ what: 'cut', ms: 0, begin: (proxy) => proxy.cut() }),
  (random) => {
    const direction = random.pick(DIRECTIONS);
    return { what: `closed ${direction}`, ms: 0, begin: (proxy) => proxy.halfClose(direction) };
  },
  (random) => {
    const direction = random.pick(DIRECTIONS);
    const bytes = random.between(1, 20_000);
    return {
      what: `cut after ${String(bytes)} bytes ${direction}, watched`,
      ms: duration(random),
      begin: (proxy) => proxy.cutAfter(bytes, direction),
      end: (proxy) => proxy.cutAfter(undefined, direction),
    };
  },
  (random) => ({
    what: 'stalled',
    ms: duration(random),
    begin: (proxy) => proxy.stall(),
    end: (proxy) => proxy.resume(),
  }),
  (random) => ({
    what: 'refusing',
    ms: duration(random),
    begin: (proxy) => {
      proxy.refuse(true);
      proxy.cut();
    },
    end: (proxy) => proxy.refuse(false),
  }),
  (random) => ({
    what: 'half-open',
    ms: duration(random),
    begin: (proxy) => {
      proxy.halfOpen(true);
      proxy.cut();
    },
    end: (proxy) => proxy.halfOpen(false),
  }),
  (random) => ({
    what: 'held back, new connections not',
    ms: duration(random),
    begin: (proxy) => proxy.hold(),
    end: (proxy) => proxy.release(),
  }),
  (random) => {
    const latencyMs = random.between(5, 500);
    return {
      what: `${String(latencyMs)} ms late`,
      ms: duration(random),
      begin: (proxy) => proxy.latency(latencyMs),
      end: (proxy) => proxy.latency(0),
    };
  },
  (random) => {
    const drip = { bytes: random.between(1, 2000), everyMs: random.between(1, 50) };
    return {
      what: `${String(drip.bytes)} bytes every ${String(drip.everyMs)} ms`,
      ms: duration(random),
      begin: (proxy) => proxy.drip(drip),
      end: (proxy) => proxy.drip(undefined),
    };
  },
];

/** Every fault of the proxy, for random times. */
export function networkFaults(target: Target, network: (victims: Victims) => TcpProxy): readonly FaultKind[] {
  return DRAWS.map((drawFault) => ({
    targets: [target],
    draw: (random) => {
      const { what, ms, begin, end } = drawFault(random);
      return {
        what: `${target} ${what}${ms > 0 ? `, ${String(ms)} ms` : ''}`,
        strike: async (victims) => {
          begin(network(victims));
          await delay(ms);
          end?.(network(victims));
        },
      };
    },
  }));
}
