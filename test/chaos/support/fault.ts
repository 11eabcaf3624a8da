import type { PostgresServer } from '../../support/postgres.js';
import type { Random } from '../../support/random.js';
import type { TcpProxy } from '../../support/tcp-proxy.js';
import type { Replicas } from './replicas.js';
import type { StormBroker } from './storm-broker.js';

/** Everything that can fail. */
export interface Victims {
  readonly database: PostgresServer;
  readonly databaseNetwork: TcpProxy;
  readonly broker: StormBroker;
  readonly replicas: Replicas;
}

export type Target = 'database' | 'database network' | 'broker' | 'broker network' | 'service';

/** A fault whose chances are drawn: what it does is certain from here on. */
export interface Fault {
  readonly what: string;
  readonly strike: (victims: Victims) => Promise<void>;
}

export interface FaultKind {
  /** No two faults of one target strike at the same time. */
  readonly targets: readonly Target[];
  readonly draw: (random: Random) => Fault;
}
