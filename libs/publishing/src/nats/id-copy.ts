import { ID_LENGTH, ID_OFFSET, type OutgoingEvent } from '#lib/events';

/** Where an event's id can be read. */
export type IdBearer = Pick<OutgoingEvent, 'slab' | 'start'>;

/** The id of an event, kept beyond the event: once durable, its own bytes may be overwritten. */
export class IdCopy implements IdBearer {
  readonly slab = Buffer.alloc(ID_OFFSET + ID_LENGTH);
  readonly start = 0;

  take(event: IdBearer): this {
    const { slab } = this;
    const from = event.start;
    for (let i = ID_OFFSET; i < ID_OFFSET + ID_LENGTH; i++) slab[i] = event.slab[from + i];
    return this;
  }
}
