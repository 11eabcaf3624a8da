/** The value that takes the place of all that do not fit. */
export const OTHER = 'other';

/** Label values of one series. */
export interface TableLabels {
  readonly app: string;
  readonly subject: string;
  readonly table: string;
}

/**
 * Bounds the series per subject and table. Pairs are counted, not names: a thousand schemas with a table `users` are
 * a thousand subjects under one table's name. The first pairs keep their own series, all later ones share that of
 * `other`, and nothing is remembered of them.
 */
export class CappedPairs {
  private readonly known = new Map<string, Map<string, TableLabels>>();
  private readonly rest: TableLabels;
  private size = 0;

  /** @param max series beside the one of `other` */
  constructor(
    private readonly app: string,
    private readonly max: number,
  ) {
    this.rest = { app, subject: OTHER, table: OTHER };
  }

  /** The labels for a pair; the same object each time. */
  labels(subject: string, table: string): TableLabels {
    const ofSubject = this.known.get(subject);
    const labels = ofSubject?.get(table);
    if (labels !== undefined) return labels;
    if (this.size >= this.max) return this.rest;
    this.size++;
    const added = { app: this.app, subject, table };
    if (ofSubject === undefined) this.known.set(subject, new Map([[table, added]]));
    else ofSubject.set(table, added);
    return added;
  }
}
