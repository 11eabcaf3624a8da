/** A position that becomes confirmable once every event up to `lastSeq` is durable. */
interface Mark {
  lastSeq: number;
  lsn: bigint;
  commitTimeMs: number;
}

const INITIAL_WINDOW = 1024;

/**
 * The heart of "nothing is lost": turns what was read (transactions, events, keepalives) and what became durable
 * (ranges of sequence numbers, in any order) into one number, the highest LSN that may be confirmed.
 *
 * - An event becomes confirmable only with its commit, and only when every event before it is durable too.
 * - A transaction without events and a keepalive are marks without events of their own: they count when everything
 *   before them is durable. A keepalive inside a transaction carries that transaction's own commit position, so
 *   confirming it could lose the transaction: it is ignored.
 * - One tracker lives exactly as long as one replication session: positions never cross sessions.
 *
 * The window (from the oldest event not yet durable to the newest) is what bounds memory: an event that is durable but
 * follows one that is not still counts, since its slab may be shared.
 */
export class AckTracker {
  private settledFlags = new Uint8Array(INITIAL_WINDOW);
  private sizes = new Int32Array(INITIAL_WINDOW);
  private mask = INITIAL_WINDOW - 1;
  /** Oldest sequence number that is not durable. */
  private base = 1;
  private next = 1;
  private bytes = 0;
  private readonly marks: Mark[] = [];
  private firstMark = 0;
  /** Commit time of the transaction that is being read. */
  private openCommitMs: number | undefined;
  private confirmableLsn: bigint | undefined;

  /** Events read and not yet in the durable prefix. */
  get windowEvents(): number {
    return this.next - this.base;
  }

  /** Bytes of the same. */
  get windowBytes(): number {
    return this.bytes;
  }

  /** Sequence number the next event gets. */
  get nextSeq(): number {
    return this.next;
  }

  /** Every event below this sequence number is durable. */
  get durableBefore(): number {
    return this.base;
  }

  /** Whether everything read so far is durable and no transaction is open. */
  get isIdle(): boolean {
    return this.openCommitMs === undefined && this.base === this.next;
  }

  /** The highest LSN that may be confirmed; undefined before the first. Never goes back. */
  get confirmable(): bigint | undefined {
    return this.confirmableLsn;
  }

  /**
   * Commit time (ms since 1970) of the oldest transaction that is not durable yet, be it only half read; undefined when
   * there is none.
   */
  get oldestPendingCommitMs(): number | undefined {
    return this.firstMark < this.marks.length ? this.marks[this.firstMark].commitTimeMs : this.openCommitMs;
  }

  /** Opens a transaction, which was committed at this time (ms since 1970). */
  begin(commitTimeMs: number): void {
    if (this.openCommitMs !== undefined) throw new RangeError('a transaction began inside another');
    this.openCommitMs = commitTimeMs;
  }

  /** Registers the next event of the open transaction and returns its sequence number. */
  event(sizeBytes: number): number {
    if (this.openCommitMs === undefined) throw new RangeError('an event outside a transaction');
    if (this.next - this.base > this.mask) this.grow();
    const slot = this.next & this.mask;
    this.settledFlags[slot] = 0;
    this.sizes[slot] = sizeBytes;
    this.bytes += sizeBytes;
    return this.next++;
  }

  /** Closes the open transaction, whose end is `endLsn`. */
  commit(endLsn: bigint): void {
    const { openCommitMs } = this;
    if (openCommitMs === undefined) throw new RangeError('a commit without begin');
    this.openCommitMs = undefined;
    this.mark(endLsn, openCommitMs);
  }

  /** The server has sent everything before `lsn`. */
  keepalive(lsn: bigint): void {
    if (this.openCommitMs !== undefined || lsn === 0n) return;
    this.mark(lsn, 0);
  }

  /**
   * Events fromSeq..toSeq (both included) are durable.
   * @throws RangeError for a range that was never published or was reported before
   */
  settled(fromSeq: number, toSeq: number): void {
    if (!(fromSeq >= this.base && toSeq < this.next && fromSeq <= toSeq)) {
      throw new RangeError(`settled ${fromSeq}..${toSeq} outside the window ${this.base}..${this.next - 1}`);
    }
    for (let seq = fromSeq; seq <= toSeq; seq++) {
      const slot = seq & this.mask;
      if (this.settledFlags[slot] === 1) throw new RangeError(`event ${seq} was reported durable twice`);
      this.settledFlags[slot] = 1;
    }
    this.advance();
  }

  private advance(): void {
    while (this.base < this.next && this.settledFlags[this.base & this.mask] === 1) {
      this.bytes -= this.sizes[this.base & this.mask];
      this.base++;
    }
    this.popMarks();
  }

  private mark(lsn: bigint, commitTimeMs: number): void {
    const lastSeq = this.next - 1;
    // Marks that count are removed at once, so the last one is still waiting.
    const newest = this.marks.at(-1);
    if (newest !== undefined && newest.lastSeq === lastSeq) {
      // Nothing was published since the newest mark: it simply moves on, so marks are never more than events.
      if (lsn > newest.lsn) newest.lsn = lsn;
    } else {
      this.marks.push({ lastSeq, lsn, commitTimeMs });
    }
    this.popMarks();
  }

  private popMarks(): void {
    while (this.firstMark < this.marks.length && this.marks[this.firstMark].lastSeq < this.base) {
      const { lsn } = this.marks[this.firstMark];
      if (this.confirmableLsn === undefined || lsn > this.confirmableLsn) this.confirmableLsn = lsn;
      this.firstMark++;
    }
    if (this.firstMark === this.marks.length) {
      this.marks.length = 0;
      this.firstMark = 0;
    } else if (this.firstMark > 4096 && this.firstMark > this.marks.length / 2) {
      this.marks.splice(0, this.firstMark);
      this.firstMark = 0;
    }
  }

  private grow(): void {
    const size = (this.mask + 1) * 2;
    const flags = new Uint8Array(size);
    const sizes = new Int32Array(size);
    for (let seq = this.base; seq < this.next; seq++) {
      flags[seq & (size - 1)] = this.settledFlags[seq & this.mask];
      sizes[seq & (size - 1)] = this.sizes[seq & this.mask];
    }
    this.settledFlags = flags;
    this.sizes = sizes;
    this.mask = size - 1;
  }
}
