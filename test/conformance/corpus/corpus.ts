import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const RECORDED = join(FOLDER, 'recorded');
const REGRESSIONS = join(FOLDER, 'regressions');

/** What one version of PostgreSQL sent: session → its messages in order. */
export type Recording = ReadonlyMap<string, readonly Buffer[]>;

/** The major versions of PostgreSQL that are kept. */
export function recordedVersions(): readonly number[] {
  return readdirSync(RECORDED)
    .map((name) => Number(/^postgres-(\d+)\.txt\.gz$/.exec(name)?.[1] ?? Number.NaN))
    .filter((version) => !Number.isNaN(version))
    .toSorted((a, b) => a - b);
}

export function readRecording(version: number): Recording {
  const recording = new Map<string, Buffer[]>();
  for (const line of gunzipSync(readFileSync(recordingPath(version)))
    .toString('latin1')
    .split('\n')) {
    const [session = '', hex] = line.split(' ');
    if (hex === undefined) continue;
    const messages = recording.get(session) ?? [];
    messages.push(Buffer.from(hex, 'hex'));
    recording.set(session, messages);
  }
  return recording;
}

/** Keeps a recording, its commit times replaced by times that say nothing of when and where it was made. */
export function writeRecording(version: number, recording: Recording): void {
  const lines = [...recording].flatMap(([session, messages]) =>
    withPlainTimes(messages).map((message) => `${session} ${message.toString('hex')}\n`),
  );
  writeFileSync(recordingPath(version), gzipSync(lines.join(''), { level: 9 }));
}

/** What the recordings are known to mean; see README.md. */
export interface SessionSummary {
  /** Messages by kind byte. */
  readonly kinds: Readonly<Record<string, number>>;
  /** SHA-256 of what each message means, one a line. */
  readonly digest: string;
}

export type Summary = Readonly<Record<string, Readonly<Record<string, SessionSummary>>>>;

const SUMMARY = join(RECORDED, 'summary.json');

export function readSummary(): Summary {
  return JSON.parse(readFileSync(SUMMARY, 'utf8')) as Summary;
}

export function writeSummary(summary: Summary): void {
  writeFileSync(SUMMARY, `${JSON.stringify(summary, null, 2)}\n`);
}

/** How often each kind of message occurs. */
export function countKinds(messages: readonly Buffer[]): Readonly<Record<string, number>> {
  const kinds = new Map<string, number>();
  for (const message of messages) {
    const kind = String.fromCharCode(message[0]);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return Object.fromEntries([...kinds].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Inputs that once showed a defect: name → messages, to be given to one decoder in this order. */
export function readRegressions(): readonly (readonly [name: string, messages: readonly Buffer[]])[] {
  return readdirSync(REGRESSIONS)
    .filter((name) => name.endsWith('.hex'))
    .toSorted()
    .map((name) => {
      const lines = readFileSync(join(REGRESSIONS, name), 'utf8').split('\n');
      const messages = lines.filter((line) => !line.startsWith('#') && line !== '');
      return [name, messages.map((line) => Buffer.from(line.replaceAll(' ', ''), 'hex'))] as const;
    });
}

function recordingPath(version: number): string {
  return join(RECORDED, `postgres-${version}.txt.gz`);
}

/** Where timestamps stand in each kind of message. */
const TIME_OFFSETS: Readonly<Record<string, readonly number[]>> = {
  B: [9],
  C: [18],
  c: [22],
  A: [17],
  b: [17],
  P: [18],
  K: [18],
  r: [18, 26],
  p: [18],
};
/** 2024-01-01 UTC in microseconds since 2000-01-01. */
const FIRST_TIME = 757_382_400_000_000n;

/** The same messages with times a second and a bit apart, equal where they were equal. */
function withPlainTimes(messages: readonly Buffer[]): readonly Buffer[] {
  const plain = new Map<bigint, bigint>();
  return messages.map((message) => {
    const copy = Buffer.from(message);
    for (const offset of TIME_OFFSETS[String.fromCharCode(message[0])] ?? []) {
      if (offset + 8 > copy.length) continue;
      const time = copy.readBigInt64BE(offset);
      if (!plain.has(time)) plain.set(time, FIRST_TIME + BigInt(plain.size) * 1_001_001n);
      copy.writeBigInt64BE(plain.get(time) ?? 0n, offset);
    }
    return copy;
  });
}
