import { describe, expect, it } from 'vitest';
import { errorOf, LEAST, loadIn } from '../testing/load.js';

function loadFile(text: string) {
  return loadIn({ env: LEAST, files: { '/app/config.yml': text } });
}

function faultsOfFile(text: string) {
  return errorOf({ env: LEAST, files: { '/app/config.yml': text } }).faults;
}

describe('configuration file', () => {
  it.each(['slotName', 'slot_name', 'SLOTNAME', 'slot-name', 'Slot_Name'])('finds a key as %s', (key) => {
    expect(loadFile(`LISTENER:\n  ${key}: orders`).config.listener.slotName).toBe('orders');
  });

  it('finds keys as both Go versions spell them', () => {
    const { publisher, database } = loadFile(
      [
        'publisher: {enable_tls: true, client_cert: c, client_key: k, ca_cert: a, pubsub_project_id: p}',
        'database: {enableTLS: true, sslMode: verify-ca}',
      ].join('\n'),
    ).config;
    expect(publisher.tls).toMatchObject({ enabled: true, clientCert: 'c', clientKey: 'k', caCert: 'a' });
    expect(publisher.pubSubProjectID).toBe('p');
    expect(database.ssl.mode).toBe('verify-ca');
  });

  it('keeps the case, dots and order of keys inside maps', () => {
    const { listener, tags } = loadFile(
      [
        'listener:',
        '  topicsMap: {"/z/": 1, Public_Users.x: b, "10": c, "9": d}',
        '  filter: {tables: {My.Table-Name_X: [insert], 7: [update]}}',
        'tags: {Team_Name: a, teamname: b}',
      ].join('\n'),
    ).config;
    expect([...listener.topicsMap]).toEqual([
      ['/z/', '1'],
      ['Public_Users.x', 'b'],
      ['10', 'c'],
      ['9', 'd'],
    ]);
    expect([...(listener.filterTables?.keys() ?? [])]).toEqual(['My.Table-Name_X', '7']);
    expect([...(tags?.keys() ?? [])]).toEqual(['Team_Name', 'teamname']);
  });

  it('keeps the spelling of texts that look like numbers', () => {
    const { database, tags } = loadFile(
      'database: {password: 007}\ntags: {a: 1e10, b: 0x1F, c: 1.10, d: no, e: null}',
    ).config;
    expect(database.password).toBe('007');
    expect([...(tags?.values() ?? [])]).toEqual(['1e10', '0x1F', '1.10', 'no', '']);
  });

  it('takes empty texts and null as not set', () => {
    const { config } = loadFile(
      [
        'listener: {serverPort: "", exclude: , slotName: ""}',
        'publisher: {ca_cert: "", client_cert: "", client_key: ~, address: "", saslMechanism: ""}',
        'monitoring: {sentryDSN: "", promAddr: ""}',
        'tags:',
      ].join('\n'),
    );
    expect(config).toStrictEqual(loadIn({ env: LEAST }).config);
  });

  it('unfolds anchors and merges', () => {
    const { config } = loadFile(
      [
        'listener:',
        '  include:',
        '    tables: {a: &both [insert, update], b: *both}',
        '  filter:',
        '    tables: &tables {c: [delete]}',
        'tags: {<<: {x: "1", y: "2"}, y: "3"}',
      ].join('\n'),
    );
    expect(config.listener.includeTables.get('b')).toEqual(['insert', 'update']);
    expect([...(config.tags ?? [])]).toEqual([
      ['y', '3'],
      ['x', '1'],
    ]);
  });

  it('names unknown keys with the nearest known one and their line', () => {
    const text = 'listener:\n  slotNam: x\n  filters: {}\nslotName: y\ndatabse: {}\npublisher:\n  wibble: 1\n';
    const faults = faultsOfFile(text);
    expect(faults).toMatchObject([
      { path: 'listener.slotNam', source: 'config.yml:2', accepted: 'did you mean listener.slotName?' },
      { path: 'listener.filters', source: 'config.yml:3', accepted: 'did you mean listener.filter?' },
      { path: 'slotName', source: 'config.yml:4', accepted: 'did you mean listener.slotName?' },
      { path: 'databse', source: 'config.yml:5', accepted: 'did you mean database?' },
      { path: 'publisher.wibble', source: 'config.yml:7' },
    ]);
    expect(faults.at(-1)?.accepted).toContain('known here: type, address');
  });

  it('refuses a key in two spellings', () => {
    expect(faultsOfFile('listener:\n  slotName: a\n  slot_name: b')).toMatchObject([
      { kind: 'conflict', path: 'listener.slotName', source: 'config.yml:3' },
    ]);
  });

  it.each([
    ['listener:\n  slotName: a\n  slotName: b', 3, 3, 'twice'],
    ['listener:\n\tslotName: a', 2, 1, 'tabs'],
    ['a: "open', 1, 9, 'missing'],
    ['tags: {a: b', 1, 12, 'bracket'],
    ['database: {password: *secret}', 1, 22, 'anchor'],
    ['tags: !secret {a: b}', 1, 7, 'tag'],
    ['a: 1\n---\nb: 2', 2, 1, 'document'],
  ])('says line and column of a syntax error (%j)', (text, line, column, word) => {
    const [fault] = faultsOfFile(text);
    expect(fault).toMatchObject({ kind: 'syntax', path: `config.yml:${line}` });
    expect(fault?.accepted).toContain(`(line ${line}, column ${column})`);
    expect(fault?.accepted).toContain(word);
    expect(JSON.stringify(fault)).not.toContain('secret');
  });

  it.each(['[1, 2]', 'listener: [1]', 'listener: text', 'publisher: {nats: 5}', 'just text'])(
    'refuses %j where a map of keys belongs',
    (text) => {
      expect(faultsOfFile(text)).toMatchObject([{ kind: 'invalid', accepted: 'a map of keys' }]);
    },
  );

  it('survives files that are made to hurt', () => {
    const laughs = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (let level = 1; level < 12; level += 1) {
      const [name, inner] = ['abcdefghijkl'[level], 'abcdefghijkl'[level - 1]];
      laughs.push(`${name}: &${name} [${`*${inner},`.repeat(9)}]`);
    }
    expect(faultsOfFile(laughs.join('\n'))).toMatchObject([{ kind: 'syntax' }]);
    expect(faultsOfFile('tags: &t {a: *t}')).toMatchObject([{ kind: 'syntax' }]);
    expect(faultsOfFile('['.repeat(20_000))).toMatchObject([{ kind: 'syntax' }]);
    expect(faultsOfFile(`tags: ${'{a: '.repeat(300)}1${'}'.repeat(300)}`)).toMatchObject([{ kind: 'syntax' }]);
  });

  it('takes __proto__ and its kin as plain data, or as unknown keys', () => {
    const { tags } = loadFile('tags: {__proto__: a, constructor: b, toString: c}').config;
    expect([...(tags ?? [])]).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
      ['toString', 'c'],
    ]);
    const faults = faultsOfFile(
      '__proto__: {polluted: 1}\nlistener: {constructor: {prototype: {x: 1}}, hasOwnProperty: 1}',
    );
    expect(faults.map((fault) => fault.kind)).toEqual(['unknown', 'unknown', 'unknown']);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('refuses a named file that is missing, and one that cannot be read', () => {
    expect(errorOf({ env: LEAST, configPath: 'no.yml' }).faults).toMatchObject([
      { kind: 'unreadable', path: 'no.yml', accepted: 'no such file' },
    ]);
    expect(errorOf({ env: { ...LEAST, WAL_CONFIG: '/no.yml' } }).faults).toMatchObject([{ path: '/no.yml' }]);
  });
});
