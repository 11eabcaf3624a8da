import { ID_LENGTH, ID_OFFSET, type OutgoingEvent, type Route } from '#lib/events';

/** Field numbers and wire type 2 (length-delimited) of google/pubsub/v1/pubsub.proto, as tag bytes. */
const TAG = { topic: 0x0a, messages: 0x12, data: 0x0a, attributes: 0x12, orderingKey: 0x2a, key: 0x0a, value: 0x12 };

/**
 * Writes a PublishRequest as protobuf, straight from the events' bytes: for each message the body, the attributes `id`,
 * `content-type`, `lsn`, `ordinal` and, with metadata, `xid`, `commit-time`, `table`, `action`; and the ordering key.
 * Format: https://protobuf.dev/programming-guides/encoding and google/pubsub/v1/pubsub.proto
 */
export class RequestWriter {
  private readonly routeParts = new Map<Route, Map<string, Buffer>>();

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
   * Writes a request with events `from` … `to` − 1 to the beginning of `out`.
   * @param topicPath `projects/…/topics/…`
   * @param orderingKey empty = none
   * @param out headBytes and the messageBytes of each, or more
   * @returns the request's bytes
   */
  write(
    out: Buffer,
    topicPath: Buffer,
    orderingKey: Buffer,
    events: readonly (OutgoingEvent | undefined)[],
    from: number,
    to: number,
  ): number {
    let at = bytesField(out, 0, TAG.topic, topicPath);
    for (let i = from; i < to; i++) {
      const event = events[i];
      if (event !== undefined) at = this.message(out, at, event, orderingKey);
    }
    return at;
  }

  private message(out: Buffer, start: number, event: OutgoingEvent, orderingKey: Buffer): number {
    let at = tagAndLength(out, start, TAG.messages, this.contentBytes(event, orderingKey));
    at = tagAndLength(out, at, TAG.data, event.end - event.start);
    at += event.slab.copy(out, at, event.start, event.end);
    at = copySmall(out, at, CONTENT_TYPE, 0, CONTENT_TYPE.length);
    at = copySmall(out, at, ID_HEAD, 0, ID_HEAD.length);
    at = copySmall(out, at, event.slab, event.start + ID_OFFSET, event.start + ID_OFFSET + ID_LENGTH);
    at = textAttribute(out, at, LSN, event.tx.lsnText);
    at = numberAttribute(out, at, ORDINAL, event.ordinal);
    if (this.metadata) {
      at = numberAttribute(out, at, XID, event.tx.xid);
      at = textAttribute(out, at, COMMIT_TIME, event.tx.commitTime);
      const routePart = this.routePart(event);
      at = copySmall(out, at, routePart, 0, routePart.length);
    }
    return orderingKey.length === 0 ? at : bytesField(out, at, TAG.orderingKey, orderingKey);
  }

  private contentBytes(event: OutgoingEvent, orderingKey: Buffer): number {
    let bytes = fieldBytes(event.end - event.start) + CONTENT_TYPE.length + ID_HEAD.length + ID_LENGTH;
    bytes += shortAttributeBytes(LSN, event.tx.lsnText.length) + shortAttributeBytes(ORDINAL, digits(event.ordinal));
    if (this.metadata) {
      const { xid, commitTime } = event.tx;
      bytes += shortAttributeBytes(XID, digits(xid)) + shortAttributeBytes(COMMIT_TIME, commitTime.length);
      bytes += this.routePart(event).length;
    }
    return orderingKey.length === 0 ? bytes : bytes + fieldBytes(orderingKey.length);
  }

  private routePart(event: OutgoingEvent): Buffer {
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

const CONTENT_TYPE = attribute('content-type', 'application/json');
const ID_HEAD = attributeHead('id', ID_LENGTH);
const LSN = Buffer.from('lsn');
const ORDINAL = Buffer.from('ordinal');
const XID = Buffer.from('xid');
const COMMIT_TIME = Buffer.from('commit-time');

/** Of an entry whose key and value are so short that each length is one byte. */
function shortAttributeBytes(key: Buffer, valueBytes: number): number {
  return 2 + 2 + key.length + 2 + valueBytes;
}

/** The entry but for its value's bytes, which follow. */
function shortAttributeHead(out: Buffer, start: number, key: Buffer, valueBytes: number): number {
  let at = start;
  out[at++] = TAG.attributes;
  out[at++] = shortAttributeBytes(key, valueBytes) - 2;
  at = bytesField(out, at, TAG.key, key);
  out[at++] = TAG.value;
  out[at++] = valueBytes;
  return at;
}

/** @param value ASCII */
function textAttribute(out: Buffer, start: number, key: Buffer, value: string): number {
  let at = shortAttributeHead(out, start, key, value.length);
  for (let i = 0; i < value.length; i++) out[at++] = value.charCodeAt(i);
  return at;
}

function numberAttribute(out: Buffer, start: number, key: Buffer, value: number): number {
  const valueBytes = digits(value);
  const at = shortAttributeHead(out, start, key, valueBytes);
  let rest = value;
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
