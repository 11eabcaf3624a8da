import { IsOptional, ValidateNested } from 'class-validator';
import type { Kind } from '../kinds/kind.js';

/** What one option declares beside its type (the kind) and its default (the property's initializer). */
export interface OptionMeta {
  /** For users: what it does. Sentences; the first begins with a capital. */
  readonly description: string;
  /** Never printed, neither in faults nor in the redacted configuration. */
  readonly secret?: boolean;
  /** May hold `user:password@`, which is never printed. */
  readonly holdsUserInfo?: boolean;
  /** When it must be set: `always`, or in words under which condition (checked where options are combined). */
  readonly required?: string;
  /** What the documentation says in place of an absent default. */
  readonly defaultText?: string;
  /** A value as one writes it in an environment variable. */
  readonly example?: string;
  /** Further variables that set it. */
  readonly envAliases?: readonly string[];
}

export interface DeclaredOption {
  readonly type: 'option';
  readonly kind: Kind<unknown>;
  readonly meta: OptionMeta;
}

export interface DeclaredSection {
  readonly type: 'section';
  readonly description: string;
}

const declarations = new WeakMap<object, Map<string, DeclaredOption | DeclaredSection>>();

function declare(prototype: object, key: string, declared: DeclaredOption | DeclaredSection): void {
  const known = declarations.get(prototype) ?? new Map<string, DeclaredOption | DeclaredSection>();
  known.set(key, declared);
  declarations.set(prototype, known);
}

/** The options and sections that a schema object declares, in the order of the class. */
export function declaredMembers(schema: object): ReadonlyMap<string, DeclaredOption | DeclaredSection> {
  const prototype: unknown = Object.getPrototypeOf(schema);
  const declared = typeof prototype === 'object' && prototype !== null ? declarations.get(prototype) : undefined;
  return declared ?? new Map<string, never>();
}

/** The property must take what the kind gives, and nothing else but undefined. */
type Holds<Target, Key extends string, T> =
  Target extends Record<Key, infer Held>
    ? [T] extends [Held]
      ? [Held] extends [T | undefined]
        ? unknown
        : never
      : never
    : never;

/** Declares an option of a schema class: its kind here, its default as initializer, constraints by class-validator. */
export function Option<T>(kind: Kind<T>, meta: OptionMeta) {
  return <Target extends object, Key extends string>(prototype: Target & Holds<Target, Key, T>, key: Key): void => {
    declare(prototype, key, { type: 'option', kind, meta });
    IsOptional()(prototype, key);
  };
}

/** Declares a nested schema object. */
export function Section(description: string) {
  return (prototype: object, key: string): void => {
    declare(prototype, key, { type: 'section', description });
    ValidateNested()(prototype, key);
  };
}

/** The text of a constraint: what is accepted. */
export function accepts(message: string): { readonly message: string } {
  return { message };
}
