import { Decoder } from '#lib/pgoutput';
import { describe, expect, it } from 'vitest';
import { ALL_POSTGRES_VERSIONS, startPostgres } from '../../support/postgres.js';
import {
  countKinds,
  readRecording,
  readSummary,
  writeRecording,
  writeSummary,
  type Recording,
} from '../corpus/corpus.js';
import { record, SETTINGS, type SessionName } from '../corpus/workload.js';
import { digestOf, meaning, referenceMeaning } from './meaning.js';
import { ReferenceDecoder } from './reference-decoder.js';

const SHALL_WRITE = process.env['WAL_LISTENER_RECORD_CORPUS'] === '1';
/** Sessions that send transactions before they are committed. */
const EARLY: ReadonlySet<string> = new Set<SessionName>(['streaming', 'parallel']);

/** Keeps what a version sent, and what it means by the reference decoder. */
function keep(version: number, recording: Recording): void {
  writeRecording(version, recording);
  const sessions = [...readRecording(version)].map(([session, messages]) => {
    const decoder = new ReferenceDecoder();
    const digest = digestOf(messages.map((message) => referenceMeaning(decoder, message)));
    return [session, { kinds: countKinds(messages), digest }] as const;
  });
  writeSummary({ ...readSummary(), [version]: Object.fromEntries(sessions) });
}

describe.each(ALL_POSTGRES_VERSIONS)('PostgreSQL %i', (version) => {
  it('sends the kinds of messages that are kept, and both decoders understand them alike', async () => {
    await using server = await startPostgres({ version, settings: SETTINGS });
    const client = await server.client();
    const recording = await record(client, version);
    await client.end();
    if (SHALL_WRITE) keep(version, recording);
    const kept = readSummary()[version];
    expect([...recording.keys()]).toEqual(Object.keys(kept));
    for (const [session, messages] of recording) {
      const [sent, expected] = [countKinds(messages), kept[session].kinds];
      // How a large transaction is cut into streamed parts depends on more than the workload.
      if (EARLY.has(session)) expect(Object.keys(sent), session).toEqual(Object.keys(expected));
      else expect(sent, session).toEqual(expected);
      const decoder = new Decoder();
      const reference = new ReferenceDecoder();
      const meanings = messages.map((message) => meaning(decoder, message));
      expect(meanings, session).toEqual(messages.map((message) => referenceMeaning(reference, message)));
    }
  });
});
