import type { OptionSpec } from '../schema/option-index.js';
import type { InputNode } from './input-node.js';

/** A value given for an option. */
export interface Assignment {
  readonly option: OptionSpec;
  readonly node: InputNode;
}

/** What one place (environment, `.env`, file) gives: by option path, only options that are set there. */
export type Layer = Map<string, Assignment>;
