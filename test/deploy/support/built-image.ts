import { execFile } from 'node:child_process';
import { chmod, cp, lstat, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Child } from '../../support/child-process.js';
import { repositoryRoot } from '../../support/service.js';
import { contextFilter, parseDockerfile, parsePairs, type Instruction } from './dockerfile.js';

const RUN_TIMEOUT_MS = 400_000;

/** What a stage has come to: its files below a folder of this machine, and what it says about running them. */
interface StageState {
  readonly root: string;
  workdir: string;
  readonly env: Record<string, string>;
  readonly args: Record<string, string>;
  readonly labels: Record<string, string>;
  /** The text of instructions that say one thing: USER, EXPOSE, ENTRYPOINT, HEALTHCHECK. */
  readonly said: Record<string, string>;
}

/**
 * Does what the Dockerfile's instructions say with the programs of this machine: the result holds all that the image
 * adds to its base. Throws at an instruction it does not know.
 * @param folder an empty one, for the files
 */
export async function buildImage(folder: string, buildArgs: Readonly<Record<string, string>>): Promise<BuiltImage> {
  const context = repositoryRoot();
  const stages = parseDockerfile(await readFile(join(context, 'Dockerfile'), 'utf8'));
  const included = contextFilter(await readFile(join(context, '.dockerignore'), 'utf8'));
  const built = new Map<string | undefined, StageState>();
  let last: StageState | undefined;
  for (const [index, stage] of stages.entries()) {
    last = newState(join(folder, `stage-${String(index)}`));
    for (const instruction of stage.instructions) await carryOut(instruction, last);
    built.set(stage.name, last);
  }
  if (last === undefined) throw new Error('the Dockerfile has no stage');
  return new BuiltImage(last, stages.at(-1)?.base ?? '');

  async function carryOut({ keyword, flags, text }: Instruction, state: StageState): Promise<void> {
    switch (keyword) {
      case 'WORKDIR':
        state.workdir = resolve(state.workdir, text);
        await mkdir(join(state.root, state.workdir), { recursive: true });
        return;
      case 'ARG':
        for (const [name, value] of Object.entries(parsePairs(text, {}))) state.args[name] = buildArgs[name] ?? value;
        return;
      case 'ENV':
        Object.assign(state.env, parsePairs(text, { ...state.args, ...state.env }));
        return;
      case 'LABEL':
        Object.assign(state.labels, parsePairs(text, { ...state.args, ...state.env }));
        return;
      case 'RUN':
        return run(text, state);
      case 'COPY':
        return copy(text.split(' '), state, flags['from']);
      case 'USER':
      case 'EXPOSE':
      case 'HEALTHCHECK':
      case 'ENTRYPOINT':
        state.said[keyword] = text;
        return;
      default:
        throw new Error(`${keyword} is not known to this test`);
    }
  }

  async function copy(words: readonly string[], state: StageState, from: string | undefined): Promise<void> {
    const source = from === undefined ? undefined : built.get(from);
    if (from !== undefined && source === undefined) throw new Error(`COPY from ${from}, which is no stage`);
    const target = words.at(-1) ?? '';
    for (const word of words.slice(0, -1)) {
      const path = join(source?.root ?? context, word);
      const into = resolve(state.workdir, target, (await stat(path)).isDirectory() ? '.' : basename(path));
      await cp(path, join(state.root, into), {
        recursive: true,
        verbatimSymlinks: true,
        filter: async (file) =>
          source !== undefined || (await stat(file)).isDirectory() || included(relative(context, file)),
      });
    }
  }
}

function newState(root: string): StageState {
  return { root, workdir: '/', env: {}, args: {}, labels: {}, said: {} };
}

/**
 * Runs a command as the builder would: this process's settings of npm reach it, its mode (tests) does not. It takes a
 * minute of both processors, which the tests beside it shall not feel.
 */
async function run(command: string, state: StageState): Promise<void> {
  const { NODE_ENV: _mode, NODE_OPTIONS: _options, ...inherited } = process.env;
  // What is in npm's cache need not be asked for again: the lock file says what it must be.
  const env = { ...inherited, npm_config_prefer_offline: 'true', ...state.args, ...state.env };
  const options = { cwd: join(state.root, state.workdir), env, timeout: RUN_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 };
  try {
    await promisify(execFile)('nice', ['/bin/sh', '-c', `umask 022; ${command}`], options);
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`RUN ${command}\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`, { cause: error });
  }
}

/** Undoes makeReadOnly() as far as is needed to remove the folder. */
export async function makeRemovable(folder: string): Promise<void> {
  await promisify(execFile)('chmod', ['-R', 'u+w', folder]);
}

/** The user of the image where this machine lets us be that: as root. */
const CAN_CHANGE_USER = process.getuid?.() === 0;

/** The files of an image, which can be run as Kubernetes does: without root, and with nothing to write to. */
export class BuiltImage {
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** USER, EXPOSE, HEALTHCHECK and ENTRYPOINT as they stand in the Dockerfile. */
  readonly said: Readonly<Record<string, string>>;

  constructor(
    private readonly state: StageState,
    readonly base: string,
  ) {
    this.env = state.env;
    this.labels = state.labels;
    this.said = state.said;
  }

  /** Every file and link that the image adds, from its root: `/app/package.json`. */
  async files(): Promise<{ readonly path: string; readonly bytes: number }[]> {
    const entries = await readdir(this.state.root, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
    return Promise.all(
      files.map(async (file) => ({
        path: `/${relative(this.state.root, file)}`,
        bytes: (await lstat(file)).size,
      })),
    );
  }

  path(inImage: string): string {
    return join(this.state.root, inImage);
  }

  /** Takes from everybody the right to write to the files. */
  async makeReadOnly(): Promise<void> {
    await promisify(execFile)('chmod', ['-R', 'a-w', this.state.root]);
    // Above it are private temporary folders.
    await chmod(resolve(this.state.root, '..'), 0o755);
  }

  /**
   * Starts what an instruction of the image says in exec form (`["/nodejs/bin/node", "/app/…"]`) with these variables
   * besides the image's own: with this machine's Node, and as the image's user where we are root.
   */
  start(words: readonly string[], args: readonly string[], env: Readonly<Record<string, string>>): Child {
    const [, entry, ...rest] = words;
    const command = [process.execPath, this.path(entry), ...rest, ...args];
    const [user, group] = (this.said['USER'] ?? '').split(':');
    const asUser = [`--reuid=${user}`, `--regid=${group}`, '--clear-groups', '--no-new-privs', '--'];
    const [program, ...programArgs] = CAN_CHANGE_USER ? ['setpriv', ...asUser, ...command] : command;
    return Child.start(program, {
      args: programArgs,
      cwd: this.path(this.state.workdir),
      // A root file system that nobody can write to has no temporary folder and no home either.
      env: { HOME: '/nonexistent', TMPDIR: '/nonexistent', ...this.env, ...env },
    });
  }
}
