/**
 * A message that does not follow the protocol. Its text names kinds, counts and offsets, never row values.
 */
export class ProtocolError extends Error {
  constructor(
    reason: string,
    /** Offset of the fault, in bytes from the message's first byte. */
    readonly position: number,
    /** The message's first byte as a character, `0x…` when it is not printable, empty for an empty message. */
    readonly messageType: string,
  ) {
    super(`pgoutput message '${messageType}', offset ${position}: ${reason}`);
    this.name = 'ProtocolError';
  }
}

/** Throws a ProtocolError for the message that begins at `start`; `position` is absolute, as `start` is. */
export function failAt(buffer: Buffer, start: number, position: number, reason: string): never {
  throw new ProtocolError(reason, position - start, kindName(buffer[start]));
}

/** A kind byte as text: the character, or its hexadecimal value when it is not printable. */
export function kindName(kind: number): string {
  return kind > 0x20 && kind < 0x7f ? String.fromCharCode(kind) : `0x${kind.toString(16).padStart(2, '0')}`;
}
