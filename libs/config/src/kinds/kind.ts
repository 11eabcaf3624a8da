import type { InputNode } from '../input/input-node.js';

/** Takes the faults of one option; knows the option's path and whether its value may be shown. */
export interface KindReport {
  /** `within` is the place inside the option, for example a table's name. */
  fault(node: InputNode, accepted: string, within?: string): void;
}

/** How a kind of option is read, checked and shown. */
export interface Kind<T> {
  /** For the documentation, for example `duration`. */
  readonly title: string;
  /** How an environment variable is read: as it is, or as JSON where it begins with a bracket. */
  readonly shape: 'scalar' | 'list' | 'map' | 'any';
  /** The value, or undefined after reporting at least one fault. Never called for a value that is not set. */
  parse(node: InputNode, report: KindReport): T | undefined;
  /** A value as the user would write it. */
  format(value: T): string;
}
