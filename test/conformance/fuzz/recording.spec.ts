import { Decoder } from '#lib/pgoutput';
import { describe, expect, it } from 'vitest';
import { POSTGRES_VERSIONS, startPostgres } from '../../support/postgres.js';
import {
  countKinds,
  readRecording,
  readSummary,
  writeRecording,
  writeSummary,
  type Recording,
} from '../corpus/corpus.js';
import { record, SETTINGS } from '../corpus/workload.js';
import { digestOf, meaning, referenceMeaning } from './meaning.js';
import { ReferenceDecoder } from './reference-decoder.js';

const SHALL_WRITE = process.env['WAL_LISTENER_RECORD_CORPUS'] === '1';

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

describe.each(POSTGRES_VERSIONS)('PostgreSQL %i', (version) => {
  it('sends the kinds of messages that are kept, and both decoders understand them alike', async () => {
    await using server = await startPostgres({ version, settings: SETTINGS });
    const client = await server.client();
    const recording = await record(client, version);
    await client.end();
    if (SHALL_WRITE) keep(version, recording);
    const kept = readSummary()[version];
    expect([...recording.keys()]).toEqual(Object.keys(kept));
    for (const [session, messages] of recording) {
      expect(countKinds(messages), session).toEqual(kept[session].kinds);
      const decoder = new Decoder();
      const reference = new ReferenceDecoder();
      const meanings = messages.map((message) => meaning(decoder, message));
      expect(meanings, session).toEqual(messages.map((message) => referenceMeaning(reference, message)));
    }
  });
});
