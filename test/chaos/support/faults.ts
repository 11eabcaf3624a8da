import { setTimeout as delay } from 'node:timers/promises';
import type { FaultKind } from './fault.js';
import { networkFaults } from './drawn-network-faults.js';
import type { StormBroker } from './storm-broker.js';

const SERVICE_FAULTS: readonly FaultKind[] = [
  {
    targets: ['service'],
    draw: () => ({ what: 'service SIGKILL', strike: ({ replicas }) => replicas.killAndStart() }),
  },
  {
    targets: ['service'],
    draw: () => ({ what: 'service SIGTERM', strike: ({ replicas }) => replicas.stopAndStart() }),
  },
  {
    targets: ['service'],
    draw: (random) => {
      const ms = random.between(300, 6000);
      return {
        what: `service SIGSTOP, ${String(ms)} ms`,
        strike: ({ replicas }) => replicas.freeze(() => delay(ms)),
      };
    },
  },
  {
    targets: ['service'],
    draw: (random) => {
      const ms = random.between(300, 3000);
      const how = random.pick(['kill', 'stop'] as const);
      return {
        what: `service joined by a standby, ${String(ms)} ms, then ${how}`,
        strike: ({ replicas }) => replicas.handOver(() => delay(ms), how),
      };
    },
  },
];

const DATABASE_FAULTS: readonly FaultKind[] = [
  {
    // A fast shutdown waits for a service that cannot answer.
    targets: ['database', 'database network', 'service'],
    draw: () => ({ what: 'database fast restart', strike: ({ database }) => database.restart('fast') }),
  },
  {
    targets: ['database'],
    draw: () => ({ what: 'database immediate restart', strike: ({ database }) => database.restart('immediate') }),
  },
  {
    targets: ['database'],
    draw: (random) => {
      const ms = random.between(300, 6000);
      return {
        what: `database SIGSTOP, ${String(ms)} ms`,
        strike: async ({ database }) => {
          database.pause();
          await delay(ms);
          database.resume();
        },
      };
    },
  },
  {
    targets: ['database'],
    draw: () => ({
      what: 'database walsender terminated',
      strike: async ({ database }) => {
        await database.query(
          `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'wal_listener'`,
        );
      },
    }),
  },
];

const FROZEN_BROKER: FaultKind = {
  targets: ['broker'],
  draw: (random) => {
    const ms = random.between(300, 6000);
    return {
      what: `broker SIGSTOP, ${String(ms)} ms`,
      strike: async ({ broker }) => {
        broker.freeze();
        await delay(ms);
        broker.thaw();
      },
    };
  },
};

const RESTARTED_BROKER: FaultKind = {
  targets: ['broker'],
  draw: (random) => {
    const ms = random.between(0, 3000);
    return {
      what: `broker SIGKILL, ${String(ms)} ms down`,
      strike: async ({ broker }) => broker.restart?.(ms),
    };
  },
};

/** All that a storm with this broker is made of. */
export function faultKinds(broker: StormBroker): readonly FaultKind[] {
  return [
    ...networkFaults('database network', ({ databaseNetwork }) => databaseNetwork),
    ...networkFaults('broker network', ({ broker: { network } }) => network),
    ...SERVICE_FAULTS,
    ...DATABASE_FAULTS,
    FROZEN_BROKER,
    ...(broker.restart === undefined ? [] : [RESTARTED_BROKER]),
  ];
}
