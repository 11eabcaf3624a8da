import type { Findings } from '../config-fault.js';
import { nearestPath, normalizeKey } from '../nearest-key.js';
import { OPTIONS, ROOT_SECTION, type SectionSpec } from '../schema/option-index.js';
import { describeShape, isNotSet, printableKey, type InputNode, type MapEntry } from './input-node.js';
import type { Layer } from './layer.js';
import { parseYaml } from './yaml-input.js';

/** The options that a YAML text sets; `path` is the file's name as faults show it. Empty values count as not set. */
export function readFileLayer(text: string, path: string, findings: Findings): Layer {
  const layer: Layer = new Map();
  const root = parseYaml(text, (line) => `${path}:${line}`, findings);
  if (root !== undefined) readSection(root, ROOT_SECTION, layer, findings);
  return layer;
}

function readSection(node: InputNode, section: SectionSpec, layer: Layer, findings: Findings): void {
  if (isNotSet(node)) return;
  if (node.kind !== 'map') {
    const path = section.path === '' ? 'the file' : section.path;
    const found = describeShape(node);
    findings.fault({ kind: 'invalid', path, source: node.origin, found, accepted: 'a map of keys' });
    return;
  }
  const seen = new Map<string, string>();
  for (const entry of node.entries) {
    const key = normalizeKey(entry.key);
    const option = section.options.get(key);
    const nested = section.sections.get(key);
    if (option === undefined && nested === undefined) {
      findings.fault(unknownKey(entry, section));
      continue;
    }
    const twin = seen.get(key);
    if (twin !== undefined) findings.fault(spelledTwice(entry, twin, option?.path ?? nested?.path ?? ''));
    else if (nested !== undefined) readSection(entry.value, nested, layer, findings);
    else if (option !== undefined && !isNotSet(entry.value)) layer.set(option.path, { option, node: entry.value });
    seen.set(key, entry.key);
  }
}

function unknownKey(entry: MapEntry, section: SectionSpec) {
  const prefix = section.path === '' ? '' : `${section.path}.`;
  const known = [...OPTIONS.map((option) => option.path), ...sectionPaths(ROOT_SECTION)];
  const nearest = nearestPath(`${prefix}${entry.key}`, known);
  const members = [...section.options.values(), ...section.sections.values()].map((member) => lastSegment(member.path));
  return {
    kind: 'unknown',
    path: `${prefix}${printableKey(entry.key)}`,
    source: entry.origin,
    found: undefined,
    accepted: nearest === undefined ? `known here: ${members.join(', ')}` : `did you mean ${nearest}?`,
  } as const;
}

function spelledTwice(entry: MapEntry, twin: string, path: string) {
  return {
    kind: 'conflict',
    path,
    source: entry.origin,
    found: undefined,
    accepted: `given twice, as ${printableKey(twin)} and ${printableKey(entry.key)}; keep one`,
  } as const;
}

function sectionPaths(section: SectionSpec): readonly string[] {
  return [...section.sections.values()].flatMap((nested) => [nested.path, ...sectionPaths(nested)]);
}

function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
