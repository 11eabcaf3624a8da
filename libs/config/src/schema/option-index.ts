import type { Kind } from '../kinds/kind.js';
import { normalizeKey } from '../nearest-key.js';
import { ConfigSchema } from './config-schema.js';
import { declaredMembers, type OptionMeta } from './option.js';

/** One option with everything that follows from its place in the schema. */
export interface OptionSpec {
  readonly kind: Kind<unknown>;
  readonly meta: OptionMeta;
  /** For example `publisher.nats.maxAge`. */
  readonly path: string;
  readonly segments: readonly string[];
  /** For example `WAL_PUBLISHER_NATS_MAX_AGE`. */
  readonly envName: string;
  readonly default: unknown;
}

export interface SectionSpec {
  readonly path: string;
  readonly description: string;
  /** By normalized key. */
  readonly options: ReadonlyMap<string, OptionSpec>;
  readonly sections: ReadonlyMap<string, SectionSpec>;
}

/** `WAL_` + the path in upper snake case: `database.enableTLS` → `WAL_DATABASE_ENABLE_TLS`. */
function envNameOf(segments: readonly string[]): string {
  const words = segments.map((segment) =>
    segment.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/([A-Z])([A-Z][a-z])/g, '$1_$2'),
  );
  return ['WAL', ...words].join('_').toUpperCase();
}

function describeSection(schema: object, segments: readonly string[], description: string): SectionSpec {
  const options = new Map<string, OptionSpec>();
  const sections = new Map<string, SectionSpec>();
  for (const [key, declared] of declaredMembers(schema)) {
    const path = [...segments, key];
    const value: unknown = Reflect.get(schema, key);
    if (declared.type === 'section' && typeof value === 'object' && value !== null) {
      sections.set(normalizeKey(key), describeSection(value, path, declared.description));
    } else if (declared.type === 'option') {
      const { kind, meta } = declared;
      const envName = envNameOf(path);
      options.set(normalizeKey(key), { kind, meta, path: path.join('.'), segments: path, envName, default: value });
    }
  }
  return { path: segments.join('.'), description, options, sections };
}

function allOptions(section: SectionSpec): readonly OptionSpec[] {
  return [...section.options.values(), ...[...section.sections.values()].flatMap(allOptions)];
}

/** The schema as a tree of sections. */
export const ROOT_SECTION: SectionSpec = describeSection(new ConfigSchema(), [], '');

/** Every option, in the order of the schema. */
export const OPTIONS: readonly OptionSpec[] = allOptions(ROOT_SECTION);

/** Environment names without case and `_` → option. */
export const OPTION_BY_ENV_KEY: ReadonlyMap<string, OptionSpec> = new Map(
  OPTIONS.flatMap((option) =>
    [option.envName, ...(option.meta.envAliases ?? [])].map((name) => [normalizeKey(name), option] as const),
  ),
);

const byPath = new Map(OPTIONS.map((option) => [option.path, option]));

/** The option at a path. @throws RangeError when there is none, which is a defect */
export function optionAt(path: string): OptionSpec {
  const option = byPath.get(path);
  if (option === undefined) throw new RangeError(`no option ${path}`);
  return option;
}
