import { eventId } from '#lib/events';
import type { EventWindow } from '../event-window.js';
import { proveReplay } from './replay-proof.js';
import type { NatsSender } from './sender.js';
import { isOwnForm, type StreamInfo, type StreamReader } from './stream-facts.js';

/** What the stream's end says. */
export type StreamEnd =
  /** Its last message is ours: what of ours it holds is settled now. */
  | 'ours'
  /** Nothing can be told: it never held anything, or its last message is gone. */
  | 'unknown'
  /** Its last message has an id of our form that this publisher does not know. */
  | 'ownForm'
  /** Its last message is not of our form. */
  | 'foreign';

export interface ProofControl {
  /** Resolves when the window may hold more, or there is nothing more to wait for. */
  more(): Promise<void>;
  readonly cancelled: boolean;
}

/** Reads from the stream what of the unsettled events it holds already, and settles that. */
export class StoredProof {
  /** The stream's last sequence when this publisher first looked: what lies above was stored since. */
  private baseSeq: number | undefined;

  constructor(
    private readonly window: EventWindow,
    private readonly sender: NatsSender,
  ) {}

  /** @throws AppError when the stream cannot be read */
  async prove(reader: StreamReader, info: StreamInfo, control: ProofControl): Promise<StreamEnd> {
    const { first_seq: firstSeq, last_seq: lastSeq, messages } = info.state;
    this.baseSeq ??= lastSeq;
    const stream = info.config.name;
    const last = messages === 0 ? undefined : await reader.message(stream, lastSeq);
    const lastStored = this.sender.lastStored;
    if (last === undefined) {
      return lastSeq === lastStored?.seq ? 'ours' : 'unknown';
    }
    if (lastStored !== undefined && eventId(lastStored.event) === last.id) return 'ours';
    if (!isOwnForm(last.id)) return 'foreign';
    if (lastSeq > this.baseSeq && this.settleSentUpTo(last.id, lastSeq)) return 'ours';
    return (await this.proveByReading(reader, stream, { firstSeq, lastSeq, lastId: last.id }, control))
      ? 'ours'
      : 'ownForm';
  }

  /**
   * The last message is one that this publisher sent, and it was stored since this publisher looked first: then the
   * chain says that all before it are stored.
   */
  private settleSentUpTo(id: string, lastSeq: number): boolean {
    const end = Math.min(this.window.end, this.sender.highestSentSeq + 1);
    for (let at = this.window.head; at < end; at++) {
      const event = this.window.at(at);
      if (event === undefined || eventId(event) < id) continue;
      if (eventId(event) !== id) return false;
      for (let seq = this.window.head; seq <= at; seq++) this.settle(seq, lastSeq);
      return true;
    }
    return false;
  }

  private async proveByReading(
    reader: StreamReader,
    stream: string,
    range: { readonly firstSeq: number; readonly lastSeq: number; readonly lastId: string },
    control: ProofControl,
  ): Promise<boolean> {
    let found = false;
    await proveReplay({ messageFrom: (seq) => reader.messageFrom(stream, seq) }, this.window, range, {
      proven: (seq, streamSeq) => {
        found = true;
        this.settle(seq, streamSeq);
      },
      more: () => control.more(),
      get cancelled() {
        return control.cancelled;
      },
    });
    return found;
  }

  private settle(seq: number, streamSeq: number): void {
    const event = this.window.at(seq);
    if (event !== undefined) this.sender.proven(event, streamSeq);
  }
}
