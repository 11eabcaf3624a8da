import { readdirSync, readFileSync, statSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Child } from '../../support/child-process.js';

/**
 * A secret of which any trace is recognised: a core of letters that no encoding of text changes, between characters
 * that URLs, JSON, shells and patterns treat in ways of their own.
 */
export class Canary {
  readonly core: string;
  readonly value: string;
  private readonly forms: readonly string[];

  /** @param index 0 to 99, for a core like no other's */
  constructor(
    readonly name: string,
    index: number,
    before = '$p/',
    after = '@:"%é\\ ',
  ) {
    this.core = `Zk${String(index).padStart(2, '0')}Cnry${'QWJXV'[index % 5] ?? 'Q'}`;
    this.value = `${before}${this.core}${after}`;
    this.forms = formsOf(this.core);
  }

  /** The form in which the text holds it. */
  foundIn(haystack: string): string | undefined {
    const lower = haystack.toLowerCase();
    return this.forms.find((form) =>
      form === this.core ? lower.includes(form.toLowerCase()) : haystack.includes(form),
    );
  }
}

/** The core as it is, in base64 at each of the three places where it can begin, and in hexadecimal. */
function formsOf(core: string): readonly string[] {
  const base64 = [0, 1, 2].map((shift) => {
    const encoded = Buffer.from(`${'\0'.repeat(shift)}${core}`).toString('base64');
    // The first and the last group of four depend on the neighbours.
    return encoded.slice(shift === 0 ? 0 : 4, -4);
  });
  const hex = Buffer.from(core).toString('hex');
  return [core, ...base64, hex, hex.toUpperCase()];
}

/** Everything that runs of the program wrote anywhere, by where it was seen. */
export class Evidence {
  private readonly texts: (readonly [where: string, text: string])[] = [];

  add(where: string, seen: string): void {
    this.texts.push([where, seen]);
  }

  addOutput(where: string, child: Child): void {
    this.add(`${where}: stdout`, child.stdout.join('\n'));
    this.add(`${where}: stderr`, child.stderr.join('\n'));
  }

  /** What anyone on the machine sees of a process. */
  addProcess(where: string, child: Child): void {
    for (const file of ['cmdline', 'comm']) {
      this.add(`${where}: ${file}`, readFileSync(`/proc/${String(child.pid)}/${file}`, 'utf8'));
    }
  }

  /** Every file below a folder, but those that the test put there. */
  addFiles(folder: string, own: ReadonlySet<string>): void {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) this.addFiles(path, own);
      else if (!own.has(path)) this.add(path, readFileSync(path, 'latin1'));
    }
  }

  /** Probes and metrics with headers, in every form they have. */
  async addHttp(where: string, port: number, paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      for (const accept of ['text/plain', 'application/json', 'application/openmetrics-text']) {
        const outgoing = request({ host: '127.0.0.1', port, path, headers: { accept }, agent: false }).end();
        const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
        this.add(`${where}: ${path} (${accept})`, `${answer.rawHeaders.join('\n')}\n${await text(answer)}`);
      }
    }
  }

  /** What was seen, to tell that there was something to look at. */
  holds(words: string | RegExp): boolean {
    return this.texts.some(([, seen]) => (typeof words === 'string' ? seen.includes(words) : words.test(seen)));
  }

  /** A line for each canary and place where it turned up. */
  leaksOf(canaries: readonly Canary[]): readonly string[] {
    return this.texts.flatMap(([where, seen]) =>
      canaries.flatMap((canary) => {
        const form = canary.foundIn(seen);
        return form === undefined ? [] : [`${canary.name} in ${where}: ${excerpt(seen, form)}`];
      }),
    );
  }
}

function excerpt(seen: string, form: string): string {
  const at = seen.toLowerCase().indexOf(form.toLowerCase());
  return seen.slice(Math.max(0, at - 120), at + 120);
}
