import type { Findings } from '../config-fault.js';
import type { BoundConfig } from '../schema/bind.js';
import { optionAt } from '../schema/option-index.js';

/** Reports an option that must be set and is not; `hint` follows the names to set it by. */
export function requireName(bound: BoundConfig, findings: Findings, path: string, hint = ''): void {
  // A value that could not be read (a missing file, a bad URL) has its own fault already.
  const sources = path.startsWith('database.') ? [path, 'database.url'] : [path];
  if (bound.isSet(path) || findings.faults.some((fault) => sources.includes(fault.path))) return;
  const accepted = `set ${path} in the file or ${optionAt(path).envName} in the environment${hint}`;
  findings.fault({ kind: 'missing', path, source: undefined, found: undefined, accepted });
}

/** Reports the absent one of two options that only mean something together. */
export function requirePair(bound: BoundConfig, findings: Findings, one: string, other: string): void {
  if (bound.isSet(one) === bound.isSet(other)) return;
  const [absent, present] = bound.isSet(one) ? [other, one] : [one, other];
  requireName(bound, findings, absent, ` (it goes with ${present})`);
}
