import { ID_LENGTH, ID_OFFSET, type OutgoingEvent, type Route, type TransactionInfo } from '#lib/events';

/** Field numbers and wire type 2 (length-delimited) of google/pubsub/v1/pubsub.proto, as tag bytes. */
const TAG = { topic: 0x0a, messages: 0x12, data: 0x0a, attributes: 0x12, orderingKey: 0x2a, key: 0x0a, value: 0x12 };

const NOTHING = Buffer.alloc(0);

/**
 * Writes a PublishRequest as protobuf, straight from the events' bytes: for each message the body, the attributes `id`,
 * `content-type`, `lsn`, `ordinal` and, with metadata, `xid`, `commit-time`, `table`, `action`; and the ordering key.
 * Format: https://protobuf.dev/programming-guides/encoding and google/pubsub/v1/pubsub.proto
 */
export class RequestWriter {
  private tx: TransactionInfo | undefined;
  private txPart = NOTHING;
  private readonly routeParts = new Map<Route, Map<string, Buffer>>();
  private readonly idHead = attributeHead('id', ID_LENGTH);

  constructor(private readonly metadata: boolean) {}

  /** Bytes that the message takes in a request, everything included. */
  messageBytes(event: OutgoingEvent, orderingKey: Buffer): number {
    const bytes = this.contentBytes(event, orderingKey);
    return 1 + varintBytes(bytes) + bytes;
  }

  /** Bytes of a request beside its messages. */
  headBytes(topicPath: Buffer): number {
    return fieldBytes(topicPath.length);
  }

  /**
   * A request of its own memory with events `from` … `to` − 1.
   * @param topicPath `projects/…/topics/…`
   * @param orderingKey empty = none
   * @param totalBytes headBytes and the messageBytes of each
   */
  write(
    topicPath: Buffer,
    orderingKey: Buffer,
    events: readonly (OutgoingEvent | undefined)[],
    from: number,
    to: number,
    totalBytes: number,
  ): Buffer {
    const out = Buffer.allocUnsafe(totalBytes);
    let at = bytesField(out, 0, TAG.topic, topicPath);
    for (let i = from; i < to; i++) {
      const event = events[i];
      if (event !== undefined) at = this.message(out, at, event, orderingKey);
    }
    if (at !== totalBytes) throw new RangeError(`a request of ${at} bytes was taken for one of ${totalBytes}`);
    return out;
  }

  private message(out: Buffer, start: number, event: OutgoingEvent, orderingKey: Buffer): number {
    let at = tagAndLength(out, start, TAG.messages, this.contentBytes(event, orderingKey));
    at = tagAndLength(out, at, TAG.data, event.end - event.start);
    at += event.slab.copy(out, at, event.start, event.end);
    at = copySmall(out, at, this.idHead, 0, this.idHead.length);
    at = copySmall(out, at, event.slab, event.start + ID_OFFSET, event.start + ID_OFFSET + ID_LENGTH);
    at = copySmall(out, at, this.txPart, 0, this.txPart.length);
    at = ordinalAttribute(out, at, event.ordinal);
    const routePart = this.routePart(event);
    at = copySmall(out, at, routePart, 0, routePart.length);
    return orderingKey.length === 0 ? at : bytesField(out, at, TAG.orderingKey, orderingKey);
  }

  private contentBytes(event: OutgoingEvent, orderingKey: Buffer): number {
    if (event.tx !== this.tx) this.beginTransaction(event.tx);
    return (
      fieldBytes(event.end - event.start) +
      this.idHead.length +
      ID_LENGTH +
      this.txPart.length +
      ORDINAL_HEAD_BYTES +
      digits(event.ordinal) +
      this.routePart(event).length +
      (orderingKey.length === 0 ? 0 : fieldBytes(orderingKey.length))
    );
  }

  private beginTransaction(tx: TransactionInfo): void {
    this.tx = tx;
    const parts = [attribute('content-type', 'application/json'), attribute('lsn', tx.lsnText)];
    if (this.metadata) parts.push(attribute('xid', String(tx.xid)), attribute('commit-time', tx.commitTime));
    this.txPart = Buffer.concat(parts);
  }

  private routePart(event: OutgoingEvent): Buffer {
    if (!this.metadata) return NOTHING;
    const { route, action } = event;
    let parts = this.routeParts.get(route);
    if (parts === undefined) {
      // A relation that is described anew gets a route of its own: the old ones must not gather.
      if (this.routeParts.size >= 1000) this.routeParts.clear();
      parts = new Map();
      this.routeParts.set(route, parts);
    }
    let part = parts.get(action);
    if (part === undefined) {
      part = Buffer.concat([attribute('table', `${route.schema}.${route.table}`), attribute('action', action)]);
      parts.set(action, part);
    }
    return part;
  }
}

/** How many message ids a PublishResponse holds; −1 when it cannot be read. */
export function countMessageIds(response: Buffer): number {
  let count = 0;
  let at = 0;
  while (at < response.length) {
    if (response[at] !== 0x0a) return -1;
    let length = 0;
    let shift = 0;
    for (at += 1; ; at++, shift += 7) {
      const byte = response[at];
      if (byte === undefined || shift > 28) return -1;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += 1 + length;
    count += 1;
  }
  return at === response.length ? count : -1;
}

const ORDINAL_KEY = Buffer.from('ordinal');
/** Tag and length of the entry; the key; tag and length of the value. */
const ORDINAL_HEAD_BYTES = 2 + 2 + ORDINAL_KEY.length + 2;

function ordinalAttribute(out: Buffer, start: number, ordinal: number): number {
  const valueBytes = digits(ordinal);
  let at = start;
  out[at++] = TAG.attributes;
  out[at++] = 2 + ORDINAL_KEY.length + 2 + valueBytes;
  at = bytesField(out, at, TAG.key, ORDINAL_KEY);
  out[at++] = TAG.value;
  out[at++] = valueBytes;
  let rest = ordinal;
  for (let i = at + valueBytes - 1; i >= at; i--) {
    out[i] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return at + valueBytes;
}

/** An entry of the attributes but for its value's bytes. */
function attributeHead(name: string, valueBytes: number): Buffer {
  const key = Buffer.from(name);
  const contentBytes = fieldBytes(key.length) + fieldBytes(valueBytes);
  const head = Buffer.alloc(1 + varintBytes(contentBytes) + contentBytes - valueBytes);
  let at = tagAndLength(head, 0, TAG.attributes, contentBytes);
  at = bytesField(head, at, TAG.key, key);
  tagAndLength(head, at, TAG.value, valueBytes);
  return head;
}

function attribute(name: string, value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([attributeHead(name, bytes.length), bytes]);
}

function bytesField(out: Buffer, start: number, tag: number, bytes: Buffer): number {
  return copySmall(out, tagAndLength(out, start, tag, bytes.length), bytes, 0, bytes.length);
}

function tagAndLength(out: Buffer, start: number, tag: number, length: number): number {
  let at = start;
  out[at++] = tag;
  let rest = length;
  while (rest >= 0x80) {
    out[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out[at++] = rest;
  return at;
}

/** For a few dozen bytes a loop is faster than Buffer.copy. */
function copySmall(out: Buffer, start: number, source: Buffer, from: number, to: number): number {
  let at = start;
  for (let i = from; i < to; i++) out[at++] = source[i] ?? 0;
  return at;
}

function fieldBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}

function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}

function digits(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) count += 1;
  return count;
}
