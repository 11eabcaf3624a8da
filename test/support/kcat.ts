import { execFile } from 'node:child_process';

/** A record as kcat prints it. */
export interface KcatRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** `name=value,name=value` */
  readonly headers: string;
}

const DEADLINE_MS = 60_000;
/** Lengths come first, -1 for null. */
const FORMAT = '%p %o %T %K %S\\n%k%s\\n';
const FORMAT_WITH_HEADERS = FORMAT.replace('%S', '%S %h');

/**
 * Reads a topic from its beginning to its end, all partitions, with every batch's checksum checked.
 * @param withHeaders false where a header may hold a line end, which kcat does not escape
 */
export async function kcatRead(address: string, topic: string, withHeaders = true): Promise<readonly KcatRecord[]> {
  const format = withHeaders ? FORMAT_WITH_HEADERS : FORMAT;
  const args = ['-C', '-b', address, '-t', topic, '-o', 'beginning', '-e', '-q', '-X', 'check.crcs=true', '-f', format];
  const output = await new Promise<Buffer>((resolve, reject) => {
    const options = { encoding: 'buffer', maxBuffer: 1024 * 1024 * 1024, timeout: DEADLINE_MS } as const;
    execFile('kcat', args, options, (error, stdout, stderr) => {
      // kcat ends with 0 after errors that it only prints, a failed checksum among them.
      if (error !== null) reject(new Error(`kcat failed: ${stderr.toString()}`, { cause: error }));
      else if (stderr.length > 0) reject(new Error(`kcat complains: ${stderr.toString()}`));
      else resolve(stdout);
    });
  });
  return parse(output);
}

function parse(output: Buffer): readonly KcatRecord[] {
  const records: KcatRecord[] = [];
  for (let at = 0; at < output.length;) {
    const lineEnd = output.indexOf(10, at);
    const [partition, offset, timestamp, keyLength, valueLength, ...headers] = output
      .toString('utf8', at, lineEnd)
      .split(' ');
    const keyEnd = lineEnd + 1 + Math.max(0, Number(keyLength));
    const valueEnd = keyEnd + Math.max(0, Number(valueLength));
    records.push({
      partition: Number(partition),
      offset: Number(offset),
      timestampMs: Number(timestamp),
      key: Number(keyLength) < 0 ? null : output.subarray(lineEnd + 1, keyEnd),
      value: Number(valueLength) < 0 ? null : output.subarray(keyEnd, valueEnd),
      headers: headers.join(' '),
    });
    at = valueEnd + 1;
  }
  return records;
}
