import { AppError } from '#lib/kernel';

/** One thing that is wrong with the configuration. Never holds a secret. */
export interface ConfigFault {
  readonly kind: 'syntax' | 'unreadable' | 'unknown' | 'missing' | 'invalid' | 'conflict';
  /** The key, for example `listener.slotName`; the file or variable when no key is concerned. */
  readonly path: string;
  /** Where the value came from: an environment variable, or `file:line`; undefined when nothing was given. */
  readonly source: string | undefined;
  /** What was found, in printable form; undefined when there is nothing to show or it is a secret. */
  readonly found: string | undefined;
  /** What is accepted there, or what to do. */
  readonly accepted: string;
}

const TITLES: Readonly<Record<ConfigFault['kind'], string>> = {
  syntax: 'syntax error',
  unreadable: 'cannot be read',
  unknown: 'unknown',
  missing: 'missing',
  invalid: 'not accepted',
  conflict: 'contradiction',
};

/** One line for people: path, source, what was found, what is accepted. */
export function formatFault(fault: ConfigFault): string {
  const source = fault.source === undefined || fault.source === fault.path ? '' : ` (${fault.source})`;
  const what = fault.found === undefined ? TITLES[fault.kind] : `found ${fault.found}`;
  const glue = fault.kind === 'invalid' ? '; accepted: ' : '; ';
  return `${fault.path}${source}: ${what}${glue}${fault.accepted}`;
}

/** All faults of a configuration at once; code CONFIG_INVALID, the message lists them one a line. */
export class ConfigError extends AppError {
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    const title =
      faults.length === 1 ? 'The configuration has a fault:' : `The configuration has ${faults.length} faults:`;
    const lines = faults.map((fault) => `  - ${formatFault(fault)}`);
    super('CONFIG_INVALID', [title, ...lines].join('\n'), { facts: { faults: faults.length } });
    this.faults = faults;
  }
}

/** Collects what loading has to say, so that everything can be told at once. */
export class Findings {
  readonly faults: ConfigFault[] = [];
  readonly warnings: string[] = [];
  readonly ignored: string[] = [];

  fault(fault: ConfigFault): void {
    this.faults.push(fault);
  }

  warn(text: string): void {
    this.warnings.push(text);
  }

  ignore(text: string): void {
    this.ignored.push(text);
  }
}
