import type { PostgresVersion } from '../../support/postgres.js';

/** What the contract's table makes of a type's text: everything is a string but these. */
export type JsonForm = 'string' | 'boolean' | 'number' | 'verbatim' | 'timestamp';

/** A column type with the values that must arrive unharmed. */
export interface TypeCase {
  readonly type: string;
  /** SQL expressions of the type, none of them NULL. */
  readonly values: readonly string[];
  readonly form: JsonForm;
  /** Whether the type can be indexed, and so be part of a replica identity. */
  readonly keyed: boolean;
  /** The values are stored out of line, so that an UPDATE of another column does not resend them. */
  readonly outOfLine?: boolean;
}

interface Row {
  readonly type: string;
  readonly texts: readonly string[];
  readonly form?: JsonForm;
  /** False for types without a B-tree operator class. */
  readonly keyed?: boolean;
  /** Further texts of the array type. */
  readonly arrays?: readonly string[];
}

/** PostgreSQL's first version with it, where that is not the oldest supported one. */
type Since = PostgresVersion;

/** Statements that make the types of the table below. */
export const TYPE_DEFINITIONS = `
  CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "fine", ñ', 'back\\slash');
  CREATE DOMAIN positive AS int4 CHECK (VALUE > 0);
  CREATE DOMAIN small_positive AS positive CHECK (VALUE < 100);
  CREATE DOMAIN document AS jsonb;
  CREATE DOMAIN moment AS timestamptz;
  CREATE DOMAIN flag AS bool;
  CREATE TYPE pair AS (a int, b text, c timestamptz);
  CREATE TYPE nested AS (p pair, m mood[], f bool);
  CREATE TYPE floatrange AS RANGE (subtype = float8)`;

const STRINGS = [
  '',
  `"quotes" 'and' \\ back\\\\slashes`,
  '\t \n \r \b \f \u0001 \u001f \u007f',
  'ñ ✓ 🎉 \u2028\u2029\ufeff e\u0301',
  '$$\\N$$',
  '\\N',
  '<a href="x">&amp;</a>',
  'NULL',
];
const TIMESTAMPS = [
  '2016-11-04 13:51:30.123456',
  '1936-10-25 22:10:12.608',
  '0001-01-01',
  '9999-12-31 23:59:59.999999',
  '2016-11-04 13:51:30.1',
  '2016-11-04 13:51:30.12',
  '2016-11-04 13:51:30.123',
  '2016-11-04 13:51:30.000001',
  '12345-01-01 01:02:03.04',
  '294276-12-31 23:59:59.999999',
  '4713-11-24 00:00:00 BC',
  '0044-03-15 12:00:00.5 BC',
  'infinity',
  '-infinity',
];
const MACS = ['08:00:2b:01:02:03', '08-00-2B-01-02-03', '08002b:010203', 'ff:ff:ff:ff:ff:ff'];
const JSON_TEXTS = [
  '{"a": [1, null, {"b": "\\" \\\\ \\n \\u0001 ñ 🎉 <&>"}], "": {}}',
  '[1.0, -0, 1E5, [], "x"]',
  '"scalar"',
  'true',
  'null',
  '12345678901234567890',
  '1e400',
  '0.1000',
];
/** Only the text type keeps these as they are. */
const JSON_ONLY = ['{"a": 1,  "a": 2}', '"\\ud800"', '"\\u0000"', ' [1 ,\t2\n] ', '1e-400'];

const ROWS: readonly Row[] = [
  { type: 'int2', form: 'number', texts: ['-32768', '0', '32767'] },
  {
    type: 'int4',
    form: 'number',
    texts: ['-2147483648', '0', '2147483647'],
    arrays: ['{1,NULL,3}', '{{1,2},{3,4}}', '[0:1]={7,8}', '[-2:-1][3:3]={{1},{2}}'],
  },
  {
    type: 'int8',
    form: 'number',
    texts: ['-9223372036854775808', '0', '9223372036854775807', '9007199254740993'],
    arrays: ['{1550166368505037572}'],
  },
  { type: 'oid', texts: ['0', '1', '4294967295'] },
  { type: 'float4', texts: ['3.3', '4.44', '0.1', '1e-45', '3.4028235e38', 'NaN', 'Infinity', '-Infinity', '-0'] },
  {
    type: 'float8',
    texts: ['3.3', '4.44', '123.456789012345', '1e-320', '0.1', '5e-324', '1.7976931348623157e308'].concat(
      'NaN',
      'Infinity',
      '-Infinity',
      '-0',
    ),
  },
  {
    type: 'numeric',
    texts: ['0', '-0.00', '1.10', '123456789012345678901234567890.0987654321', 'NaN', 'Infinity', '-Infinity'].concat(
      '1e131071',
      '1e-16383',
    ),
  },
  { type: 'numeric(3,2)', texts: ['1.1', '-9.99'] },
  { type: 'numeric(6,4)', texts: ['22.22', '0'] },
  { type: 'numeric(10,4)', texts: ['123456.7890', '-0.0001'] },
  { type: 'bool', form: 'boolean', texts: ['t', 'f'] },
  { type: 'money', texts: ['$1234.11', '($1234.11)', '0', '92233720368547758.07', '-92233720368547758.07'] },
  { type: 'text', texts: STRINGS },
  { type: 'varchar', texts: STRINGS },
  { type: 'varchar(10)', texts: ['', 'ñ✓🎉', '  spaces  '] },
  { type: 'char(10)', texts: ['padded', '', ' ñ ✓ '] },
  { type: 'name', texts: ['', 'Name "x"', 'ñ'.repeat(31)] },
  { type: '"char"', texts: ['', 'a', '\u0001', '"', '\\'] },
  { type: 'bytea', texts: ['\\x', '\\x00ff', '\\xDEADBEEF', '\\x5c22'] },
  { type: 'bit(3)', texts: ['000', '101'] },
  { type: 'bit(64)', texts: [`1${'0'.repeat(63)}`] },
  { type: 'varbit', texts: ['', '0', '101', `1${'0'.repeat(63)}`] },
  { type: 'date', texts: ['2016-11-04', 'infinity', '-infinity', '4713-01-01 BC', '5874897-12-31', '0001-01-01'] },
  { type: 'time', texts: ['00:00', '13:51:30.123456', '24:00:00', '23:59:59.1'] },
  { type: 'time(3)', texts: ['13:51:30.123456'] },
  { type: 'timetz', texts: ['14:30:00+05:30', '23:59:59.999999-08', '24:00:00+00', '00:00:00+15:59:59'] },
  { type: 'timestamp', form: 'timestamp', texts: TIMESTAMPS },
  {
    type: 'timestamptz',
    form: 'timestamp',
    texts: [...TIMESTAMPS, '2016-11-04 13:51:30.123456+02', '10000-01-01 00:00:00+01', '2016-11-04 13:51:30-05:30'],
  },
  { type: 'timestamptz(0)', form: 'timestamp', texts: ['2016-11-04 13:51:30.5+02', '2016-11-04 13:51:29.4+02'] },
  {
    type: 'interval',
    texts: [
      '1 year 2 mons 3 days 04:05:06.78',
      '0',
      '-1 mon -2 days',
      '-1 year +2 mons -03:04:05.000001',
      '178000000 years',
    ],
  },
  { type: 'inet', texts: ['10.0.0.1/8', '2001:4f8:3:ba::1', '192.168.0.1', '::ffff:1.2.3.4/128'] },
  { type: 'cidr', texts: ['192.168/24', '10.0.0.0/8', '2001:4f8:3:ba::/64'] },
  { type: 'macaddr', texts: MACS },
  { type: 'macaddr8', texts: [...MACS, '08:00:2b:01:02:03:04:05'] },
  { type: 'uuid', texts: ['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{00000000-0000-0000-0000-000000000000}'] },
  { type: 'xml', keyed: false, texts: ['<a b="c">ñ &amp; <d/></a>', 'just content', '<?xml version="1.0"?><x/>'] },
  { type: 'tsvector', texts: ["'a':1A 'b c':2,3B", '', "'it''s':1 '\\\\'"] },
  { type: 'tsquery', texts: ["'fat' & ( 'rat' | !'cat' )", "'a' <2> 'b':*A", ''] },
  { type: 'jsonpath', keyed: false, texts: ['$."a b"[*] ? (@.x > 1)', 'strict $.**'] },
  { type: 'json', keyed: false, texts: [...JSON_TEXTS, ...JSON_ONLY] },
  { type: 'jsonb', form: 'verbatim', texts: [...JSON_TEXTS, '{"bb": 1, "a": 2, "bb": 3}', '1E-300'] },
  { type: 'int4range', texts: ['[1,10)', '(,)', 'empty', '[,5]'] },
  { type: 'int8range', texts: ['[1,9223372036854775807)', 'empty'] },
  { type: 'numrange', texts: ['[1.10,10.0]', '(,)', '(NaN,NaN]', '[1,infinity]'] },
  { type: 'daterange', texts: ['[2019-03-31,infinity)', '(-infinity,2019-03-31]'] },
  { type: 'tsrange', texts: ['["2019-03-31 15:30:00",infinity)', '("4713-11-24 00:00:00 BC",2019-01-01]', 'empty'] },
  { type: 'tstzrange', texts: ['["2019-03-31 15:30:00+02",infinity)', '(,)'] },
  { type: 'floatrange', texts: ['[1.5,Infinity)', 'empty'] },
  { type: 'int4multirange', texts: ['{}', '{[1,10),[20,30)}', '{(,)}'] },
  { type: 'tstzmultirange', texts: ['{["2019-03-31 15:30:00+00",infinity)}', '{}'] },
  { type: 'nummultirange', texts: ['{[1.10,2.0],(3,)}'] },
  { type: 'mood', texts: ['sad', `it's "fine", ñ`, 'back\\slash'] },
  { type: 'positive', texts: ['1', '2147483647'] },
  { type: 'small_positive', texts: ['1', '99'] },
  { type: 'document', texts: ['{"a": 1e400}', 'null'] },
  { type: 'moment', texts: ['2016-11-04 13:51:30.120+02', 'infinity'] },
  { type: 'flag', texts: ['t', 'f'] },
  { type: 'pair', texts: ['(1,"a ""quoted"", (x)\\\\",infinity)', '(,,)', '(,"",2016-11-04 13:51:30.1+02)'] },
  { type: 'nested', texts: ['("(1,"" x"",)","{sad,NULL}",t)', '("(,,)",,)'] },
  { type: 'point', keyed: false, texts: ['(1.5,-2)', '(NaN,Infinity)', '(0.1,1e-320)'] },
  { type: 'line', keyed: false, texts: ['{1,-1,0}', '[(0,0),(0.1,1)]'] },
  { type: 'lseg', keyed: false, texts: ['[(0,0),(1.1,1)]'] },
  { type: 'box', keyed: false, texts: ['(1,1),(0,0.1)'] },
  { type: 'path', keyed: false, texts: ['[(0,0),(1,1),(2,0.1)]', '((0,0),(1,1))'] },
  { type: 'polygon', keyed: false, texts: ['((0,0),(1,1.1),(2,0))'] },
  { type: 'circle', keyed: false, texts: ['<(0.1,0),5>'] },
  { type: 'pg_lsn', texts: ['0/0', 'FFFFFFFF/FFFFFFFF'] },
  { type: 'xid8', texts: ['0', '18446744073709551615'] },
  { type: 'regclass', texts: ['pg_catalog.pg_class', 'information_schema.columns', '4294967295'] },
];

/** Types, or more literals of a type, that older versions do not know. */
const LATER: readonly (Row & { readonly since: Since })[] = [
  { since: 15, type: 'numeric(2,-3)', texts: ['12345', '-99000'] },
  { since: 15, type: 'numeric(3,5)', texts: ['0.00123'] },
  { since: 17, type: 'interval(6)', texts: ['infinity', '-infinity', '1 day'] },
];

/** Extension → its types. */
export const EXTENSION_TYPES: Readonly<Record<string, readonly Row[]>> = {
  citext: [{ type: 'citext', texts: STRINGS }],
  hstore: [{ type: 'hstore', texts: ['', '"a b"=>"c, \\"d\\"", e=>NULL', 'k=>"ñ 🎉"'] }],
  ltree: [{ type: 'ltree', texts: ['Top.Science.Astronomy', ''] }],
};

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function scalarCase({ type, texts, form = 'string', keyed = true }: Row): TypeCase {
  return { type, values: texts.map((text) => `${quote(text)}::${type}`), form, keyed };
}

/** The array type with all values of its element type: one and two dimensions, NULL elements, another lower bound. */
function arrayCase(row: Row): TypeCase {
  const { values, keyed } = scalarCase(row);
  const type = `${row.type}[]`;
  const [first = 'NULL', second = first] = values;
  const constructed = [
    `ARRAY[${values.join()}, NULL]::${type}`,
    `ARRAY[[${first}, ${second}], [NULL, ${first}]]::${type}`,
    `('[0:1]=' || ARRAY[${first}, ${second}]::${type}::text)::${type}`,
  ];
  const texts = ['{}', ...(row.arrays ?? [])].map((text) => `${quote(text)}::${type}`);
  return { type, values: [...texts, ...constructed], form: 'string', keyed };
}

/** Values too large for the row itself. */
const OUT_OF_LINE: readonly TypeCase[] = [
  {
    type: 'bytea /* 1 MB */',
    values: [`(SELECT string_agg(sha256(int4send(i)), '' ORDER BY i) FROM generate_series(1, 32768) i)`],
    form: 'string',
    keyed: false,
    outOfLine: true,
  },
  {
    type: 'text /* large */',
    values: [`(SELECT string_agg(md5(i::text) || E'"\\\\\\n✓🎉', '' ORDER BY i) FROM generate_series(1, 5000) i)`],
    form: 'string',
    keyed: false,
    outOfLine: true,
  },
  {
    type: 'jsonb /* large */',
    values: [
      `(SELECT jsonb_agg(md5(i::text) || '"🎉' ORDER BY i) || '12345678901234567890' FROM generate_series(1, 5000) i)`,
    ],
    form: 'verbatim',
    keyed: false,
    outOfLine: true,
  },
];

/** Every type that this version has, and its array type. */
export function typeCases(version: PostgresVersion, extensions: readonly string[]): readonly TypeCase[] {
  const rows = [
    ...ROWS,
    ...LATER.filter(({ since }) => version >= since),
    ...extensions.flatMap((extension) => EXTENSION_TYPES[extension] ?? []),
  ];
  return [...rows.map(scalarCase), ...rows.map(arrayCase), ...OUT_OF_LINE];
}
