import { AppError } from '#lib/kernel';
import type { BatchOutcome, PartitionBatch } from '../kafka-ports.js';
import type { BrokerSession } from './broker-session.js';
import { PRODUCE_MAX_VERSION, PRODUCE_MIN_VERSION, produceAnswer, produceRequest } from './produce-request.js';

interface Call {
  readonly batches: readonly PartitionBatch[];
  readonly timeoutMs: number;
  resolve(outcomes: readonly BatchOutcome[]): void;
  reject(error: AppError): void;
}

/** What the link needs of the client. */
export interface ProduceLinkPorts {
  readonly produceApiKey: number;
  /** Opens the connection; `onLost` is called when it is lost later. */
  open(onLost: (error: AppError, outstanding: number) => void): Promise<BrokerSession>;
  /** Calls are about to be rejected. */
  lost(error: AppError): void;
}

/** On top of what the broker may wait for its replicas. */
const ANSWER_MARGIN_MS = 3_000;

/**
 * The way of Produce requests to one broker: one connection at a time, made when there is something to send, requests
 * written in the order of the calls. When it is lost all calls made so far fail; a later call makes a new one.
 */
export class ProduceLink {
  private session: BrokerSession | undefined;
  /** Calls that are not written yet, because a connection is being made. */
  private calls: Call[] = [];
  private opening = false;
  private closedBy: AppError | undefined;

  constructor(private readonly ports: ProduceLinkPorts) {}

  produce(batches: readonly PartitionBatch[], timeoutMs: number): Promise<readonly BatchOutcome[]> {
    if (this.closedBy !== undefined) return Promise.reject(this.closedBy);
    return new Promise((resolve, reject) => {
      this.calls.push({ batches, timeoutMs, resolve, reject });
      this.pump();
    });
  }

  close(error: AppError): void {
    if (this.closedBy !== undefined) return;
    this.closedBy = error;
    this.session?.connection.destroy(error);
    this.rejectCalls(error);
  }

  private pump(): void {
    if (this.opening || this.calls.length === 0) return;
    const { session } = this;
    if (session === undefined || session.connection.lostBy !== undefined) {
      void this.open();
      return;
    }
    if (session.isExpired) {
      // Requests of two connections could overtake one another: the old one's are awaited first.
      if (session.connection.outstanding > 0) return;
      session.connection.destroy(new AppError('BROKER_UNREACHABLE', 'the session was renewed'));
      void this.open();
      return;
    }
    const calls = this.calls;
    this.calls = [];
    for (const call of calls) this.write(session, call);
  }

  private async open(): Promise<void> {
    this.opening = true;
    try {
      const session = await this.ports.open((error, outstanding) => this.onLost(error, outstanding));
      if (this.closedBy === undefined) this.session = session;
      else session.connection.destroy(this.closedBy);
    } catch (error) {
      if (this.closedBy === undefined) this.fail(error as AppError);
    }
    this.opening = false;
    this.pump();
  }

  private write(session: BrokerSession, call: Call): void {
    let version: number;
    try {
      version = session.versionOf('Produce', PRODUCE_MIN_VERSION, PRODUCE_MAX_VERSION);
    } catch (error) {
      call.reject(error as AppError);
      return;
    }
    const api = { apiKey: this.ports.produceApiKey, apiVersion: version };
    const parts = produceRequest(call.batches, call.timeoutMs);
    session.connection.request(api, parts, call.timeoutMs + ANSWER_MARGIN_MS).then(
      (body) => this.answered(session, call, body, version),
      (error: AppError) => call.reject(error),
    );
  }

  private answered(session: BrokerSession, call: Call, body: Buffer, version: number): void {
    try {
      const { outcomes, throttleMs } = produceAnswer(body, version);
      session.connection.muted(throttleMs);
      call.resolve(outcomes);
    } catch (error) {
      const { broker } = session.connection;
      call.reject(
        new AppError('BROKER_REFUSED', `Kafka broker ${broker}: its answer cannot be read`, { cause: error }),
      );
    }
    this.pump();
  }

  /** A connection without requests may end: brokers close idle ones. */
  private onLost(error: AppError, outstanding: number): void {
    if (outstanding > 0 || this.calls.length > 0) this.fail(error);
  }

  private fail(error: AppError): void {
    this.ports.lost(error);
    this.rejectCalls(error);
  }

  private rejectCalls(error: AppError): void {
    const calls = this.calls;
    this.calls = [];
    for (const call of calls) call.reject(error);
  }
}
