import { validateSync, type ValidationError } from 'class-validator';
import type { Findings } from '../config-fault.js';
import { describeNode, describeShape, type InputNode } from '../input/input-node.js';
import type { Assignment, Layer } from '../input/layer.js';
import type { KindReport } from '../kinds/kind.js';
import { maskUserInfo } from '../mask-user-info.js';
import { ConfigSchema } from './config-schema.js';
import { OPTIONS, optionAt, type OptionSpec } from './option-index.js';

/** The schema filled with what was given, and what is known about each option. */
export interface BoundConfig {
  readonly schema: ConfigSchema;
  /** Whether any place gives the option. */
  isSet(path: string): boolean;
  /** Where the option's value stands; undefined when it is the default. */
  sourceOf(path: string): string | undefined;
  /** Whether the option already has a fault, so that nothing may be concluded from its value. */
  isBroken(path: string): boolean;
  /** Reports that a value is not accepted; what was found is shown unless it is a secret. */
  refuse(path: string, accepted: string): void;
}

/** Reads every option from the first layer that sets it, and checks it alone; faults go to `findings`. */
export function bindConfig(layers: readonly Layer[], findings: Findings): BoundConfig {
  const schema = new ConfigSchema();
  const given = new Map<string, Assignment>();
  for (const option of OPTIONS) {
    const assignment = layers.map((layer) => layer.get(option.path)).find((candidate) => candidate !== undefined);
    if (assignment !== undefined) given.set(option.path, assignment);
  }
  const broken = new Set<string>();
  const refuseAt = (option: OptionSpec, node: InputNode | undefined, accepted: string, within?: string): void => {
    broken.add(option.path);
    findings.fault({
      kind: 'invalid',
      path: within === undefined ? option.path : `${option.path}.${within}`,
      source: node?.origin,
      found: node === undefined ? undefined : showNode(node, option),
      accepted,
    });
  };
  for (const { option, node } of given.values()) {
    const report: KindReport = { fault: (at, accepted, within) => refuseAt(option, at, accepted, within) };
    const value = option.kind.parse(node, report);
    if (value !== undefined) assign(schema, option, value);
  }
  for (const [path, accepted] of brokenConstraints(validateSync(schema), '')) {
    refuseAt(optionAt(path), given.get(path)?.node, accepted);
  }
  return {
    schema,
    isSet: (path) => given.has(optionAt(path).path),
    sourceOf: (path) => given.get(optionAt(path).path)?.node.origin,
    isBroken: (path) => broken.has(optionAt(path).path),
    refuse: (path, accepted) => refuseAt(optionAt(path), given.get(path)?.node, accepted),
  };
}

function showNode(node: InputNode, option: OptionSpec): string {
  if (option.meta.secret === true) return describeShape(node);
  if (option.meta.holdsUserInfo === true && node.kind === 'scalar') {
    return describeNode({ ...node, text: maskUserInfo(node.text) });
  }
  return describeNode(node);
}

function assign(schema: ConfigSchema, option: OptionSpec, value: unknown): void {
  let section: object = schema;
  for (const segment of option.segments.slice(0, -1)) {
    const nested: unknown = Reflect.get(section, segment);
    if (typeof nested !== 'object' || nested === null) throw new RangeError(`no section ${segment}`);
    section = nested;
  }
  Reflect.set(section, option.segments.at(-1) ?? '', value);
}

/** Option path → the text of the first constraint it breaks. */
function brokenConstraints(errors: readonly ValidationError[], prefix: string): readonly (readonly [string, string])[] {
  return errors.flatMap((error) => {
    const path = `${prefix}${error.property}`;
    const [message] = Object.values(error.constraints ?? {});
    const own = message === undefined ? [] : [[path, message] as const];
    return [...own, ...brokenConstraints(error.children ?? [], `${path}.`)];
  });
}
