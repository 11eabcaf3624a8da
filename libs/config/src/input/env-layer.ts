import type { Findings } from '../config-fault.js';
import { nearestPath, normalizeKey } from '../nearest-key.js';
import { OPTION_BY_ENV_KEY, type OptionSpec } from '../schema/option-index.js';
import { quoted, type InputNode } from './input-node.js';
import type { Layer } from './layer.js';
import { readReason } from './read-reason.js';
import { isServiceLinkName, isServiceLinkValue } from './service-links.js';
import { parseYaml } from './yaml-input.js';

export type Variables = Readonly<Record<string, string | undefined>>;

export interface EnvSource {
  readonly variables: Variables;
  /** Appended to a variable's name to say where it stands; empty for the real environment. */
  readonly where: string;
}

/** A variable that gives a value: itself, or as `_FILE` the path of a file. */
interface Candidate {
  readonly name: string;
  readonly option: OptionSpec;
  readonly text: string;
  readonly isFile: boolean;
}

const PREFIX = 'WAL_';
const FILE_SUFFIX = '_FILE';
/** Names the configuration file; read before everything else. */
export const CONFIG_VARIABLE = 'WAL_CONFIG';

/**
 * The options that `WAL_*` variables set. Empty variables count as not set. Unknown variables are faults, except those
 * that Kubernetes makes for Services. `readFile` takes the path as written in a `_FILE` variable.
 */
export function readEnvLayer(source: EnvSource, readFile: (path: string) => string, findings: Findings): Layer {
  const byOption = new Map<string, Candidate[]>();
  for (const [name, text] of Object.entries(source.variables)) {
    if (text === undefined || !name.startsWith(PREFIX) || name === CONFIG_VARIABLE) continue;
    const candidate = matchVariable(name, text, source.where, findings);
    if (candidate === undefined || text === '') continue;
    const others = byOption.get(candidate.option.path) ?? [];
    byOption.set(candidate.option.path, [...others, candidate]);
  }
  const layer: Layer = new Map();
  for (const candidates of byOption.values()) {
    const candidate = theOne(candidates, source.where, findings);
    const node = candidate === undefined ? undefined : readCandidate(candidate, source.where, readFile, findings);
    if (candidate !== undefined && node !== undefined)
      layer.set(candidate.option.path, { option: candidate.option, node });
  }
  return layer;
}

function matchVariable(name: string, text: string, where: string, findings: Findings): Candidate | undefined {
  const option = OPTION_BY_ENV_KEY.get(normalizeKey(name));
  if (option !== undefined) {
    // A Service named wal-database sets WAL_DATABASE_PORT to tcp://…; no number looks like that.
    if (option.kind.title === 'whole number' && isServiceLinkValue(text)) {
      findings.ignore(`${name}${where} is a Kubernetes service link, not ${option.path}: ignored`);
      return undefined;
    }
    return { name, option, text, isFile: false };
  }
  const twin = name.endsWith(FILE_SUFFIX)
    ? OPTION_BY_ENV_KEY.get(normalizeKey(name.slice(0, -FILE_SUFFIX.length)))
    : undefined;
  if (twin !== undefined) return { name, option: twin, text, isFile: true };
  if (isServiceLinkName(name) || isServiceLinkValue(text)) {
    findings.ignore(`${name}${where} is a Kubernetes service link: ignored`);
    return undefined;
  }
  findings.fault({
    kind: 'unknown',
    path: name,
    source: where === '' ? undefined : where.trim().slice(1, -1),
    found: undefined,
    accepted: unknownVariableHint(name),
  });
  return undefined;
}

function unknownVariableHint(name: string): string {
  if (name === `${CONFIG_VARIABLE}${FILE_SUFFIX}`) return `did you mean ${CONFIG_VARIABLE}? It names the file itself`;
  const names = [...OPTION_BY_ENV_KEY.values()].map((option) => option.envName);
  const stem = name.endsWith(FILE_SUFFIX) ? name.slice(0, -FILE_SUFFIX.length) : name;
  const nearest = nearestPath(name, [...names, CONFIG_VARIABLE]) ?? nearestPath(stem, names);
  return nearest === undefined ? 'no option has this variable; see docs/configuration.md' : `did you mean ${nearest}?`;
}

/** The one variable that counts, or undefined after a fault when several disagree. */
function theOne(candidates: readonly Candidate[], where: string, findings: Findings): Candidate | undefined {
  const [first, ...others] = candidates;
  if (first === undefined || others.every((other) => other.text === first.text && other.isFile === first.isFile)) {
    return first;
  }
  const names = candidates.map((candidate) => candidate.name).join(' and ');
  findings.fault({
    kind: 'conflict',
    path: first.option.path,
    source: `${names}${where}`,
    found: undefined,
    accepted: 'several variables set it; set one of them',
  });
  return undefined;
}

function readCandidate(
  candidate: Candidate,
  where: string,
  readFile: (path: string) => string,
  findings: Findings,
): InputNode | undefined {
  const { name, option, text, isFile } = candidate;
  if (!isFile) return toNode(text, option, `${name}${where}`, findings);
  try {
    const content = readFile(text).replace(/\r?\n$/, '');
    if (content !== '') return toNode(content, option, `${name}${where}`, findings);
    findings.warn(`${name} names an empty file: ${option.path} counts as not set`);
  } catch (error) {
    findings.fault({
      kind: 'unreadable',
      path: option.path,
      source: `${name}${where}`,
      found: undefined,
      accepted: `${quoted(text)}: ${readReason(error)}`,
    });
  }
  return undefined;
}

function toNode(text: string, option: OptionSpec, origin: string, findings: Findings): InputNode | undefined {
  const { shape } = option.kind;
  const trimmed = text.trim();
  const bracket = trimmed.startsWith('[') || (trimmed.startsWith('{') && shape !== 'list');
  if (shape === 'scalar' || (shape !== 'map' && !bracket)) return { kind: 'scalar', text, origin };
  try {
    JSON.parse(trimmed);
  } catch {
    findings.fault({
      kind: 'invalid',
      path: option.path,
      source: origin,
      found: 'a text that is not JSON',
      accepted: `JSON${option.meta.example === undefined ? '' : `, for example ${option.meta.example}`}`,
    });
    return undefined;
  }
  // Read as YAML, of which JSON is a part: it keeps the order of keys like "2", "1" and sees keys that occur twice.
  return parseYaml(trimmed, () => origin, findings);
}
