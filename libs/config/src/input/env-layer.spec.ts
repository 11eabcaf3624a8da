import { describe, expect, it } from 'vitest';
import { OPTIONS, OPTION_BY_ENV_KEY } from '../schema/option-index.js';
import { errorOf, faultsOf, LEAST, loadEnv, loadIn } from '../testing/load.js';

describe('environment variables', () => {
  it.each([['WAL_LISTENER_SLOT_NAME'], ['WAL_LISTENER_SLOTNAME'], ['WAL_LISTENERSLOTNAME']])(
    'finds a key as %s',
    (name) => {
      expect(loadEnv({ [name]: 'orders' }).config.listener.slotName).toBe('orders');
    },
  );

  it.each([
    ['WAL_PUBLISHER_PUBSUB_PROJECT_ID', 'pubSubProjectID'],
    ['WAL_PUBLISHER_PUB_SUB_PROJECT_ID', 'pubSubProjectID'],
    ['WAL_PUBLISHER_USERNAME', 'username'],
    ['WAL_PUBLISHER_CREDS_FILE', 'credsFile'],
    ['WAL_PUBLISHER_NKEY_SEED_FILE', 'nkeySeedFile'],
  ] as const)('%s sets publisher.%s', (name, key) => {
    expect(loadEnv({ [name]: 'value' }).config.publisher[key]).toBe('value');
  });

  it('gives every option a variable of its own, and every variable a twin of its own', () => {
    const normalized = OPTIONS.map((option) => option.envName.replaceAll('_', ''));
    expect(new Set(normalized).size).toBe(OPTIONS.length);
    for (const name of normalized) expect(OPTION_BY_ENV_KEY.has(`${name}FILE`.toLowerCase())).toBe(false);
  });

  it("takes the fork's name of the database password", () => {
    expect(loadEnv({ WAL_LISTENER_DB_PASSWORD: 'geheim' }).config.database.password).toBe('geheim');
    const files = { '/app/config.yml': 'database: {password: weaker}' };
    expect(loadEnv({ WAL_LISTENER_DB_PASSWORD: 'geheim' }, files).config.database.password).toBe('geheim');
  });

  it('refuses two variables for one key, unless they agree', () => {
    const both = { WAL_LISTENER_DB_PASSWORD: 'one', WAL_DATABASE_PASSWORD: 'two' };
    const [fault] = faultsOf(both);
    expect(fault).toMatchObject({ kind: 'conflict', path: 'database.password' });
    expect(fault?.source).toContain('WAL_LISTENER_DB_PASSWORD');
    expect(fault?.source).toContain('WAL_DATABASE_PASSWORD');
    expect(loadEnv({ ...both, WAL_DATABASE_PASSWORD: 'one' }).config.database.password).toBe('one');
  });

  it('counts an empty variable as not set', () => {
    const files = { '/app/config.yml': 'listener: {slotName: from_file}' };
    const { config } = loadEnv({ WAL_LISTENER_SLOT_NAME: '', WAL_DATABASE_PORT: '' }, files);
    expect(config.listener.slotName).toBe('from_file');
    expect(config.database.port).toBe(5432);
  });

  it('reads a value from the file that the _FILE twin names, without the last line break', () => {
    const files = { '/run/secrets/db': 'pass word\n\r\n', '/app/rel': '9999\n' };
    const { config } = loadEnv(
      { WAL_DATABASE_PASSWORD_FILE: '/run/secrets/db', WAL_DATABASE_PORT_FILE: 'rel', WAL_DATABASE_PORT: '' },
      files,
    );
    expect(config.database.password).toBe('pass word\n');
    expect(config.database.port).toBe(9999);
    const creds = loadEnv({ WAL_PUBLISHER_CREDS_FILE_FILE: '/c' }, { '/c': '/etc/nats.creds\n' });
    expect(creds.config.publisher.credsFile).toBe('/etc/nats.creds');
  });

  it('refuses a twin whose file is missing, and a variable beside its twin', () => {
    expect(faultsOf({ WAL_DATABASE_NAME: undefined, WAL_DATABASE_NAME_FILE: '/nowhere' })).toEqual([
      {
        kind: 'unreadable',
        path: 'database.name',
        source: 'WAL_DATABASE_NAME_FILE',
        found: undefined,
        accepted: '"/nowhere": no such file',
      },
    ]);
    const [fault] = faultsOf({ WAL_DATABASE_PASSWORD: 'x', WAL_DATABASE_PASSWORD_FILE: '/p' }, { '/p': 'x' });
    expect(fault).toMatchObject({ kind: 'conflict', path: 'database.password' });
  });

  it('warns about an empty secret file', () => {
    const { warnings } = loadEnv({ WAL_DATABASE_PASSWORD_FILE: '/p' }, { '/p': '\n' });
    expect(warnings).toEqual(['WAL_DATABASE_PASSWORD_FILE names an empty file: database.password counts as not set']);
  });

  it('lets the real environment override a twin in .env', () => {
    const files = { '/app/.env': 'WAL_DATABASE_PASSWORD_FILE=/nowhere-but-needed' };
    expect(faultsOf({ WAL_DATABASE_PASSWORD: 'x' }, files)[0]?.source).toBe('WAL_DATABASE_PASSWORD_FILE (.env)');
    const present = { ...files, '/nowhere-but-needed': 'y' };
    expect(loadEnv({ WAL_DATABASE_PASSWORD: 'x' }, present).config.database.password).toBe('x');
  });

  it('reads maps as JSON in their order and lists as JSON or with commas', () => {
    const { config } = loadEnv({
      WAL_LISTENER_TOPICS_MAP: '{"/b/":"1", "2":"two", "/a/":"3", "1":"one"}',
      WAL_LISTENER_EXCLUDE_TABLES: 'audit_log, public.sessions,',
      WAL_LISTENER_EXCLUDE_COLUMNS: '["a,b", "c"]',
      WAL_LISTENER_FILTER_TABLES: '{"public.Users":["insert"],"orders":"update, DELETE"}',
      WAL_PUBLISHER_MESSAGE_KEY_FROM: '{"orders":"customer_id","lines":["order_id","no"]}',
      WAL_TAGS: '{"big":12345678901234567890,"yes":true,"Dotted.Key":"v"}',
    });
    expect([...config.listener.topicsMap.keys()]).toEqual(['/b/', '2', '/a/', '1']);
    expect(config.listener.exclude.tables).toEqual(['audit_log', 'public.sessions']);
    expect(config.listener.exclude.columns).toEqual(['a,b', 'c']);
    expect([...(config.listener.filterTables ?? [])]).toEqual([
      ['public.Users', ['insert']],
      ['orders', ['update', 'delete']],
    ]);
    expect(config.publisher.messageKeyFrom).toEqual({
      kind: 'byTable',
      tables: new Map([
        ['orders', ['customer_id']],
        ['lines', ['order_id', 'no']],
      ]),
    });
    expect([...(config.tags ?? [])]).toEqual([
      ['big', '12345678901234567890'],
      ['yes', 'true'],
      ['Dotted.Key', 'v'],
    ]);
  });

  it.each([
    ['a', ['a']],
    ['a,b', ['a', 'b']],
    ['["a","b"]', ['a', 'b']],
  ])('reads messageKeyFrom %s as columns of every table', (text, columns) => {
    const { config } = loadEnv({ WAL_PUBLISHER_MESSAGE_KEY_FROM: text });
    expect(config.publisher.messageKeyFrom).toEqual({ kind: 'all', columns });
  });

  it('refuses a map that is not JSON, and one with a key twice', () => {
    expect(faultsOf({ WAL_TAGS: 'region=eu' })).toMatchObject([
      {
        path: 'tags',
        source: 'WAL_TAGS',
        found: 'a text that is not JSON',
        accepted: 'JSON, for example {"region":"eu"}',
      },
    ]);
    expect(faultsOf({ WAL_TAGS: '{"a":"1","a":"2"}' })).toMatchObject([{ kind: 'syntax', path: 'WAL_TAGS' }]);
  });

  it('names the nearest variable for one that is unknown', () => {
    const cases = {
      WAL_LISTENER_SLOT_NAM: 'WAL_LISTENER_SLOT_NAME',
      WAL_DATABSE_HOST: 'WAL_DATABASE_HOST',
      WAL_DATABASE_PASWORD_FILE: 'WAL_DATABASE_PASSWORD',
      WAL_CONFIG_FILE: 'WAL_CONFIG',
    };
    for (const [name, nearest] of Object.entries(cases)) {
      const [fault, ...others] = faultsOf({ [name]: 'x' });
      expect(others).toEqual([]);
      expect(fault).toMatchObject({ kind: 'unknown', path: name });
      expect(fault?.accepted).toContain(`did you mean ${nearest}?`);
    }
    expect(faultsOf({ WAL_SOMETHING_ELSE: 'x' })[0]?.accepted).toContain('docs/configuration.md');
  });

  it('refuses unknown variables of .env too, and leaves other programs alone', () => {
    const { faults } = errorOf({
      env: { ...LEAST, PATH: '/bin', WALG_X: '1' },
      files: { '/app/.env': 'WAL_X=1\nA=2' },
    });
    expect(faults).toMatchObject([{ kind: 'unknown', path: 'WAL_X', source: '.env' }]);
  });
});

describe('Kubernetes service links', () => {
  it('ignores them, whatever the Service is called', () => {
    const links = {
      WAL_LISTENER_SERVICE_HOST: '10.0.0.1',
      WAL_LISTENER_SERVICE_PORT: '8080',
      WAL_LISTENER_SERVICE_PORT_HTTP_METRICS: '8080',
      WAL_LISTENER_PORT: 'tcp://10.0.0.1:8080',
      WAL_LISTENER_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      WAL_LISTENER_PORT_8080_TCP_PROTO: 'tcp',
      WAL_LISTENER_PORT_8080_TCP_PORT: '8080',
      WAL_LISTENER_PORT_8080_TCP_ADDR: '10.0.0.1',
      WAL_DATABASE_PORT: 'tcp://10.0.0.2:5432',
      WAL_DATABASE_PORT_53_UDP: 'udp://10.0.0.2:53',
      WAL_DATABASE_SERVICE_HOST: '10.0.0.2',
      WAL_LISTENER_SERVER_PORT: 'tcp://10.0.0.3:80',
    };
    const loaded = loadEnv(links);
    expect(loaded.config).toEqual(loadEnv({}).config);
    expect(loaded.ignored).toHaveLength(Object.keys(links).length);
    expect(loaded.warnings).toEqual([]);
    for (const name of Object.keys(links)) expect(loaded.ignored.join('\n')).toContain(`${name} is`);
  });

  it('still takes a real port, and still refuses what only looks similar', () => {
    expect(loadEnv({ WAL_DATABASE_PORT: '6432' }).config.database.port).toBe(6432);
    expect(faultsOf({ WAL_LISTENER_PORT: '8080' })).toMatchObject([{ kind: 'unknown', path: 'WAL_LISTENER_PORT' }]);
    expect(faultsOf({ WAL_DATABASE_NAME: undefined, WAL_DATABASE_PORT: 'http://x' })).toMatchObject([
      { path: 'database.port', found: '"http://x"' },
      { path: 'database.name', kind: 'missing' },
    ]);
  });

  it('lets the file set the port that a service link hides', () => {
    const files = { '/app/config.yml': 'database: {port: 6000}' };
    expect(loadIn({ env: { ...LEAST, WAL_DATABASE_PORT: 'tcp://10.0.0.2:5432' }, files }).config.database.port).toBe(
      6000,
    );
  });
});
