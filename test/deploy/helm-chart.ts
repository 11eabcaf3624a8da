import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import { repositoryRoot } from '../support/service.js';
import { tempDir } from '../support/temp-dir.js';
import type { Manifest } from './manifests.js';

const execute = promisify(execFile);

export interface RenderOptions {
  /** The cluster's version. */
  readonly kubeVersion: string;
  readonly release?: string;
  /** Paths of values files, or values themselves; the later ones win. */
  readonly values?: readonly (string | Readonly<Record<string, unknown>>)[];
}

/** The chart of deploy/helm, rendered and linted by the real helm. */
export class HelmChart {
  readonly folder = join(repositoryRoot(), 'deploy/helm/wal-listener');

  constructor(private readonly helm: string) {}

  /** The manifests' text. @throws Error with helm's message */
  render(options: RenderOptions): Promise<string> {
    return this.run(['template', options.release ?? 'shop'], options);
  }

  /** The manifests, parsed. @throws Error with helm's message */
  async manifests(options: RenderOptions): Promise<readonly Manifest[]> {
    return parseManifests(await this.render(options));
  }

  /** What helm says. @throws Error with what it finds, be it a warning */
  lint(options: RenderOptions): Promise<string> {
    return this.run(['lint', '--strict'], options);
  }

  /** What helm says about values that must not work; empty when they do. */
  async refusal(options: RenderOptions): Promise<string> {
    try {
      await this.render(options);
      return '';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  private async run(command: readonly string[], { kubeVersion, values = [] }: RenderOptions): Promise<string> {
    await using folder = await tempDir();
    const files = await Promise.all(
      values.map(async (value, index) => {
        if (typeof value === 'string') return value;
        const file = join(folder.path, `${String(index)}.yaml`);
        await writeFile(file, stringify(value));
        return file;
      }),
    );
    const options = ['--kube-version', kubeVersion, ...files.flatMap((file) => ['--values', file])];
    const { stdout } = await execute(this.helm, [...command, this.folder, ...options]);
    return stdout;
  }
}

/** The documents of a YAML stream. @throws YAMLParseError, for a key that occurs twice too */
export function parseManifests(text: string): readonly Manifest[] {
  const documents = parseAllDocuments(text);
  if (!Array.isArray(documents)) return [];
  return documents.map((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS() as Manifest;
  });
}
