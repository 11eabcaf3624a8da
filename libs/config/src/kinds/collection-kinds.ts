import { compileGoRegexp, regexpKey } from '#lib/kernel';
import type { FilterAction, PublisherConfig, TableActions } from '../app-config.js';
import type { InputNode, MapNode } from '../input/input-node.js';
import { isNotSet, printableKey } from '../input/input-node.js';
import type { Kind, KindReport } from './kind.js';
import { readTexts } from './scalar-kinds.js';

/** Texts: a list, or one text with commas. Entries that look like `/regex/` are compiled when `patterns` is set. */
export function textList(options: { readonly patterns?: boolean } = {}): Kind<readonly string[]> {
  return {
    title: 'list',
    shape: 'list',
    format: (values) => values.join(','),
    parse(node, report) {
      const texts = readTexts(node, report, 'a list of texts, or texts separated by commas');
      if (texts === undefined || options.patterns !== true) return texts;
      return texts.map((name) => checkPattern(name, node, report)).every(Boolean) ? texts : undefined;
    },
  };
}

const ACTIONS: readonly FilterAction[] = ['insert', 'update', 'delete', 'truncate'];
const ACTIONS_ACCEPTED = `a list of ${ACTIONS.join(', ')}`;

/** `{table: [action, …]}`, in the order written. */
export const tableActions: Kind<TableActions> = {
  title: 'map of lists',
  shape: 'map',
  format: (tables) => (tables.size === 0 ? '{}' : JSON.stringify(Object.fromEntries(tables))),
  parse(node, report) {
    return readMap(node, report, `a map from table to ${ACTIONS_ACCEPTED}`, (value, table) => {
      return readActions(value, report, table);
    });
  },
};

function readActions(node: InputNode, report: KindReport, table: string): readonly FilterAction[] | undefined {
  if (isNotSet(node)) {
    report.fault(node, ACTIONS_ACCEPTED, table);
    return undefined;
  }
  const texts = readTexts(node, report, ACTIONS_ACCEPTED, table);
  const actions = texts?.map((text) => {
    const action = ACTIONS.find((known) => known === text.toLowerCase());
    if (action === undefined) report.fault({ kind: 'scalar', text, origin: node.origin }, ACTIONS_ACCEPTED, table);
    return action;
  });
  const known = actions?.filter((action) => action !== undefined);
  return known?.length === actions?.length ? known : undefined;
}

/** `{key: text}`, in the order written. With `patterns`, `/regex/` keys are compiled and empty texts refused. */
export function textMap(options: { readonly patterns?: boolean } = {}): Kind<ReadonlyMap<string, string>> {
  const patterns = options.patterns === true;
  const accepted = patterns ? 'a name' : 'a text';
  return {
    title: 'map',
    shape: 'map',
    format: (values) => (values.size === 0 ? '{}' : JSON.stringify(Object.fromEntries(values))),
    parse(node, report) {
      const read = (value: InputNode, key: string): string | undefined => {
        if (value.kind === 'scalar' && !(patterns && value.text === '')) return value.text;
        report.fault(value, accepted, key);
        return undefined;
      };
      return readMap(node, report, `a map from text to ${accepted}`, read, patterns);
    },
  };
}

type KeyColumns = NonNullable<PublisherConfig['messageKeyFrom']>;
const COLUMNS_ACCEPTED = 'a column, a list of columns, or a map from table to column(s)';

/** Columns of the ordering key: for every table, or by table. */
export const keyColumns: Kind<KeyColumns> = {
  title: 'text, list or map',
  shape: 'any',
  format: (value) =>
    value.kind === 'all' ? value.columns.join(',') : JSON.stringify(Object.fromEntries(value.tables)),
  parse(node, report) {
    if (node.kind !== 'map') {
      const columns = readColumns(node, report);
      return columns === undefined ? undefined : { kind: 'all', columns };
    }
    const tables = readMap(node, report, COLUMNS_ACCEPTED, (value, table) => readColumns(value, report, table), false);
    return tables === undefined ? undefined : { kind: 'byTable', tables };
  },
};

function readColumns(node: InputNode, report: KindReport, within?: string): readonly string[] | undefined {
  const columns = readTexts(node, report, COLUMNS_ACCEPTED, within);
  if (columns?.length === 0) report.fault(node, COLUMNS_ACCEPTED, within);
  return columns?.length === 0 ? undefined : columns;
}

function readMap<T>(
  node: InputNode,
  report: KindReport,
  accepted: string,
  readValue: (value: InputNode, printedKey: string) => T | undefined,
  patterns = true,
): ReadonlyMap<string, T> | undefined {
  if (node.kind !== 'map') {
    report.fault(node, accepted);
    return undefined;
  }
  const result = new Map<string, T>();
  const sound = node.entries.map((entry) => {
    const value = readValue(entry.value, printableKey(entry.key));
    if (value !== undefined) result.set(entry.key, value);
    return checkKey(entry, report, patterns) && value !== undefined;
  });
  return sound.every(Boolean) ? result : undefined;
}

function checkKey(entry: MapNode['entries'][number], report: KindReport, patterns: boolean): boolean {
  const keyNode: InputNode = { kind: 'scalar', text: entry.key, origin: entry.origin };
  if (entry.key === '') {
    report.fault(keyNode, 'a key that is not empty');
    return false;
  }
  return !patterns || checkPattern(entry.key, keyNode, report);
}

function checkPattern(name: string, node: InputNode, report: KindReport): boolean {
  const pattern = regexpKey(name);
  if (pattern === undefined) return true;
  try {
    compileGoRegexp(pattern);
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    report.fault({ kind: 'scalar', text: name, origin: node.origin }, `a pattern that JavaScript can take (${reason})`);
    return false;
  }
}
