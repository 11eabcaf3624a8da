import { ID_LENGTH, ID_OFFSET, type OutgoingEvent, type TransactionInfo } from '#lib/events';

/*
 * Frames of AMQP 0-9-1. Format: https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, sections 2.3 (framing),
 * 4.2.5.5 (field tables, as RabbitMQ reads them: `S` long string, `I` int32, `l` int64), 1.8 (basic class).
 */
const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const FRAME_END = 0xce;
/** Type, channel, size; and the end. */
const FRAME_OVERHEAD = 8;
const BASIC = 60;
const PUBLISH = 40;
const MANDATORY = 1;
/** Bits of the content header: content-type, headers, delivery-mode, message-id. */
const PROPERTY_FLAGS = (1 << 15) | (1 << 13) | (1 << 12) | (1 << 7);
const CONTENT_TYPE = shortString('application/json');
const PERSISTENT = 2;
const LSN = tableName('lsn', 'S');
const ORDINAL = tableName('ordinal', 'l');
const XID = tableName('xid', 'l');
const COMMIT_TIME = tableName('commit-time', 'S');
const TABLE = tableName('table', 'S');
const ACTION = tableName('action', 'S');
const SLAB_BYTES = 64 * 1024;
/** Upper bound for a content header but for the table's name. */
const HEADER_BYTES = 512;

/**
 * Writes messages as the frames that AMQP wants, many into one buffer: persistent, mandatory, `message-id` = the event's
 * id, headers `lsn` and `ordinal` and, with metadata, `xid`, `commit-time`, `table` and `action`. A buffer that was given
 * out is never written again.
 */
export class FrameWriter {
  private slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  private from = 0;
  private offset = 0;
  private readonly methods = new Map<string, Buffer>();
  private tx: TransactionInfo | undefined;
  private txPart: Buffer = Buffer.alloc(0);

  /** @param frameMax the largest frame the broker takes, in bytes */
  constructor(
    private readonly channel: number,
    private readonly frameMax: number,
    private readonly exchange: string,
    private readonly metadata: boolean,
  ) {}

  /** Bytes that wait to be taken. */
  get pendingBytes(): number {
    return this.offset - this.from;
  }

  /** Adds a message whose body is bytes start..end; false when what waits has to be taken first. */
  tryAppend(event: OutgoingEvent, routingKey: string, body: Buffer, start: number, end: number): boolean {
    const method = this.methodOf(routingKey);
    const most = method.length + this.boundOf(event, end - start);
    if (this.offset + most > this.slab.length) {
      if (this.pendingBytes > 0) return false;
      this.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, most));
      this.from = this.offset = 0;
    }
    this.bytes(method);
    this.contentHeader(event, end - start);
    this.body(body, start, end);
    return true;
  }

  /** Takes what waits. */
  take(): Buffer {
    const bytes = this.slab.subarray(this.from, this.offset);
    this.from = this.offset;
    return bytes;
  }

  /** Upper bound of content header and body frames. */
  private boundOf(event: OutgoingEvent, bodyBytes: number): number {
    const frames = Math.ceil(bodyBytes / (this.frameMax - FRAME_OVERHEAD));
    const names = this.metadata ? 3 * (event.route.schema.length + event.route.table.length) : 0;
    return HEADER_BYTES + names + bodyBytes + frames * FRAME_OVERHEAD;
  }

  private methodOf(routingKey: string): Buffer {
    const known = this.methods.get(routingKey);
    if (known !== undefined) return known;
    const payload = Buffer.concat([
      uint16(BASIC),
      uint16(PUBLISH),
      uint16(0),
      shortString(this.exchange),
      shortString(routingKey),
      Buffer.of(MANDATORY),
    ]);
    const frame = Buffer.alloc(payload.length + FRAME_OVERHEAD);
    frame[0] = METHOD;
    frame.writeUInt16BE(this.channel, 1);
    frame.writeUInt32BE(payload.length, 3);
    payload.copy(frame, 7);
    frame[frame.length - 1] = FRAME_END;
    this.methods.set(routingKey, frame);
    return frame;
  }

  private contentHeader(event: OutgoingEvent, bodyBytes: number): void {
    const frame = this.beginFrame(HEADER);
    this.uint16(BASIC);
    this.uint16(0);
    this.uint32(0);
    this.uint32(bodyBytes);
    this.uint16(PROPERTY_FLAGS);
    this.bytes(CONTENT_TYPE);
    const table = this.offset;
    this.offset += 4;
    this.headers(event);
    this.slab.writeUInt32BE(this.offset - table - 4, table);
    this.slab[this.offset++] = PERSISTENT;
    this.slab[this.offset++] = ID_LENGTH;
    this.copy(event.slab, event.start + ID_OFFSET, event.start + ID_OFFSET + ID_LENGTH);
    this.endFrame(frame);
  }

  private headers(event: OutgoingEvent): void {
    const { tx, ordinal, action, route } = event;
    if (tx !== this.tx) {
      this.tx = tx;
      this.txPart = this.partOf(tx);
    }
    this.bytes(this.txPart);
    this.bytes(ORDINAL);
    this.uint32(0);
    this.uint32(ordinal);
    if (!this.metadata) return;
    this.bytes(TABLE);
    this.longString(`${route.schema}.${route.table}`);
    this.bytes(ACTION);
    this.longString(action);
  }

  /** What all messages of a transaction have in common. */
  private partOf({ lsnText, xid, commitTime }: TransactionInfo): Buffer {
    const lsn = [LSN, longString(lsnText)];
    if (!this.metadata) return Buffer.concat(lsn);
    return Buffer.concat([...lsn, XID, uint32(0), uint32(xid), COMMIT_TIME, longString(commitTime)]);
  }

  private body(source: Buffer, start: number, end: number): void {
    const most = this.frameMax - FRAME_OVERHEAD;
    for (let from = start; from < end; from += most) {
      const frame = this.beginFrame(BODY);
      this.offset += source.copy(this.slab, this.offset, from, Math.min(end, from + most));
      this.endFrame(frame);
    }
  }

  /** Gives where the frame begins. */
  private beginFrame(type: number): number {
    const frame = this.offset;
    this.slab[frame] = type;
    this.slab[frame + 1] = this.channel >>> 8;
    this.slab[frame + 2] = this.channel;
    this.offset += 7;
    return frame;
  }

  private endFrame(frame: number): void {
    this.slab.writeUInt32BE(this.offset - frame - 7, frame + 3);
    this.slab[this.offset++] = FRAME_END;
  }

  private bytes(source: Buffer): void {
    this.copy(source, 0, source.length);
  }

  /** For a few dozen bytes a loop is faster than Buffer.copy. */
  private copy(source: Buffer, from: number, to: number): void {
    const { slab } = this;
    let { offset } = this;
    for (let i = from; i < to; i++) slab[offset++] = source[i] ?? 0;
    this.offset = offset;
  }

  private longString(text: string): void {
    const bytes = this.slab.write(text, this.offset + 4, 'utf8');
    this.uint32(bytes);
    this.offset += bytes;
  }

  private uint16(value: number): void {
    this.slab[this.offset++] = value >>> 8;
    this.slab[this.offset++] = value;
  }

  private uint32(value: number): void {
    this.slab[this.offset++] = value >>> 24;
    this.slab[this.offset++] = value >>> 16;
    this.slab[this.offset++] = value >>> 8;
    this.slab[this.offset++] = value;
  }
}

function shortString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function longString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** A name in a field table, and the type of the value that follows. */
function tableName(name: string, type: 'S' | 'l'): Buffer {
  return Buffer.concat([shortString(name), Buffer.from(type)]);
}

function uint16(value: number): Buffer {
  return Buffer.of(value >>> 8, value & 0xff);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
