/** One instruction of a Dockerfile: `COPY --from=build /src/dist dist`. */
export interface Instruction {
  readonly keyword: string;
  /** What stands before the text, without dashes: `{ from: 'build' }`. */
  readonly flags: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface Stage {
  readonly base: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** Reads a Dockerfile without heredocs and escape directives; throws at what comes before the first stage. */
export function parseDockerfile(source: string): Stage[] {
  const lines = source.split('\n').filter((line) => !/^\s*#/.test(line));
  const stages: (Stage & { readonly instructions: Instruction[] })[] = [];
  for (const line of lines.join('\n').replaceAll(/\\\n/g, ' ').split('\n')) {
    if (line.trim() === '') continue;
    const instruction = parseInstruction(line);
    if (instruction.keyword === 'FROM') {
      const [base, , name] = instruction.text.split(/\s+/);
      stages.push({ base, name, instructions: [] });
    } else {
      const stage = stages.at(-1);
      if (stage === undefined) throw new Error(`an instruction before FROM: ${line}`);
      stage.instructions.push(instruction);
    }
  }
  return stages;
}

function parseInstruction(line: string): Instruction {
  const match = /^\s*(\w+)\s+((?:--\S+\s+)*)(.*)$/.exec(line);
  if (match === null) throw new Error(`no instruction: ${line}`);
  const [, keyword, flags, text] = match;
  const pairs = [...flags.matchAll(/--([\w-]+)=(\S+)/g)].map(([, name, value]) => [name, value] as const);
  return {
    keyword: keyword.toUpperCase(),
    flags: Object.fromEntries(pairs),
    text: text.trim().replaceAll(/\s+/g, ' '),
  };
}

/** `A=1 B="two words"` of ENV, ARG and LABEL, with variables replaced. */
export function parsePairs(text: string, variables: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = [...text.matchAll(/([\w.]+)(?:=(?:"([^"]*)"|(\S*)))?/g)];
  return Object.fromEntries(
    pairs.map(([, name, quoted, bare]) => [
      name,
      // `$NAME` alone: no other form is used.
      (quoted ?? bare ?? '').replaceAll(/\$(\w+)/g, (_, variable: string) => variables[variable] ?? ''),
    ]),
  );
}

/**
 * Whether the files of a .dockerignore let a path (with `/`, from the context's root) into the build: the last line
 * that matches it or a folder above it decides.
 */
export function contextFilter(ignoreFile: string): (path: string) => boolean {
  const rules = ignoreFile
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => ({ keep: line.startsWith('!'), pattern: globPattern(line.replace(/^!/, '').trim()) }));
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.keep ?? true;
}

function globPattern(glob: string): RegExp {
  const source = glob.replaceAll(/\*\*\/|\*\*|\*|\?|[.+^${}()|[\]\\]/g, (part) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    return part === '?' ? '[^/]' : `\\${part}`;
  });
  return new RegExp(`^${source}(?:/.*)?$`);
}
