/** What the slot costs the server and how close it is to being lost; bytes of WAL. */
export interface SlotReading {
  /** reserved, extended, unreserved or lost. */
  readonly walStatus: string;
  /** WAL that the server keeps for the slot. */
  readonly retainedBytes: number;
  /** WAL written since the confirmed position. */
  readonly lagBytes: number;
  /** max_slot_wal_keep_size; undefined = no limit. */
  readonly limitBytes: number | undefined;
  /** What may still be written before the slot is in danger; undefined = no limit, or lost already. */
  readonly safeBytes: number | undefined;
}
