import { EventEncoder, type OutgoingEvent } from '#lib/events';
import { RelationFilter, TopicRouter } from '#lib/filtering';
import { AppError, noMetrics, silentLogger, systemClock } from '#lib/kernel';
import { Decoder, type Relation } from '#lib/pgoutput';
import { AckTracker } from '../../../libs/pipeline/src/ack-tracker.js';
import { Pump } from '../../../libs/pipeline/src/pump.js';
import { RelationPlanner } from '../../../libs/pipeline/src/relation-planner.js';
import { Delivery } from '../../../libs/replication/src/delivery.js';
import { FrameReader } from '../../../libs/replication/src/frame-reader.js';
import type { PgConnection } from '../../../libs/replication/src/pg-connection.js';

const JSONB_OID = 3802;

/** Remembers which tables have a column whose text becomes part of the event as it is. */
class WatchingPlanner extends RelationPlanner {
  readonly withJson = new Set<string>();

  override learn(relation: Relation, commitLsn: bigint): Promise<void> | undefined {
    const table = `${relation.schema}.${relation.table}`;
    if (relation.columns.some((column) => column.typeOid === JSONB_OID)) this.withJson.add(table);
    return super.learn(relation, commitLsn);
  }
}

/** Everything from the server's bytes to encoded events, as a session puts it together, with no network at its ends. */
export class PipelineUnderFuzz {
  /** What ended the stream, if anything did. */
  failure: unknown;
  readonly events: OutgoingEvent[] = [];
  private readonly tracker = new AckTracker();
  private readonly planner: WatchingPlanner;
  private readonly reader: FrameReader;
  private readonly delivery: Delivery;

  constructor() {
    this.planner = new WatchingPlanner(
      {
        filter: new RelationFilter({
          filterTables: undefined,
          includeTables: new Map([['by_index', ['insert', 'delete']]]),
          exclude: { schemas: [], tables: ['keyless'], columns: ['payload', 'column 7'] },
        }),
        router: new TopicRouter({
          topic: 'shop',
          topicPrefix: '',
          topicsMap: new Map([['/^public_(c.*)$/', 'app_$1']]),
        }),
        topicName: (name) => name.replaceAll(/[^a-z_.]/g, '_'),
        needsKeys: true,
        tags: new Map([['region', 'eu']]),
        messageKeyFrom: undefined,
      },
      { tables: [], lsn: 0n },
      () => Promise.resolve(['id']),
      () => undefined,
    );
    const pump = new Pump(
      {
        decoder: new Decoder(),
        planner: this.planner,
        encoder: new EventEncoder({ systemIdentifier: '7', databaseOid: 5, publications: ['everything'] }),
        tracker: this.tracker,
        metrics: noMetrics,
        logger: silentLogger,
      },
      { maxTransactionSize: 60, dropForeignOrigin: false },
    );
    this.reader = new FrameReader({
      copyData: (buffer, start, end) => this.delivery.copyData(buffer, start, end),
      other: () => undefined,
    });
    const connection = { reader: this.reader, stream: { pause: () => undefined, resume: () => undefined } };
    // Of the connection, delivery uses nothing but its reader and the socket's pause and resume.
    this.delivery = new Delivery(connection as unknown as PgConnection, systemClock, {
      replyWanted: () => undefined,
      failed: (error) => (this.failure ??= error),
    });
    this.delivery.start({
      message: (buffer, start, end) => pump.message(buffer, start, end),
      keepalive: (lsn) => this.tracker.keepalive(lsn),
      gulpEnd: () => void this.events.push(...pump.take()),
    });
  }

  /** Takes one read of the socket, and waits until everything in it has been handled. */
  async read(bytes: Buffer): Promise<void> {
    // As the socket's: overwritten as soon as it was taken in.
    const socketBuffer = Buffer.from(bytes);
    try {
      const framesBefore = this.reader.frames;
      this.reader.push(socketBuffer);
      this.delivery.gulp(bytes.length, this.reader.frames - framesBefore);
    } catch (error) {
      this.failure ??= error;
    }
    socketBuffer.fill(0xee);
    while (this.failure === undefined && this.reader.held) await Promise.resolve();
  }

  end(): void {
    this.delivery.end();
  }

  /** Throws unless the failure, the events and the positions are such as they may be. */
  verify(): void {
    const { failure } = this;
    if (failure !== undefined && (!(failure instanceof AppError) || failure.code === 'INTERNAL')) {
      throw new Error('an error without a code', { cause: failure });
    }
    if (this.tracker.windowEvents < this.events.length) throw new Error('an event that nobody waits for');
    for (const event of this.events) this.verifyEvent(event);
  }

  private verifyEvent(event: OutgoingEvent): void {
    const { slab, start, end, keySlab, keyStart, keyEnd, route } = event;
    if (start < 0 || start > end || end > slab.length) throw new Error('a body outside of its slab');
    if (keyStart < 0 || keyStart > keyEnd || keyEnd > keySlab.length) throw new Error('a key outside of its slab');
    // PostgreSQL's own text of jsonb is taken over unread, so a mutated one need not be JSON.
    if (this.planner.withJson.has(`${route.schema}.${route.table}`)) return;
    const body = JSON.parse(slab.toString('utf8', start, end)) as Record<string, unknown>;
    if (body['schema'] !== route.schema || body['table'] !== route.table) throw new Error('an event of another table');
  }
}
