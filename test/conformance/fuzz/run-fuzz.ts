import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { Watchdog } from './watchdog.js';

/** How long each target is fuzzed, in seconds. */
const SECONDS = Number(process.env['WAL_LISTENER_FUZZ_SECONDS'] ?? '60');
/** Where the random inputs begin; printed with each run, to be given to see it again. */
const SEED = Number(process.env['WAL_LISTENER_FUZZ_SEED'] ?? Date.now() % 0x40000000);

const BATCH = 250;
/** No input here is larger than a few hundred kilobytes: milliseconds of work, and the machine may be busy. */
const INPUT_DEADLINE_MS = 60_000;
/** What caches, compiled code and the runner may add after the first batches; a leak of an input each is far more. */
export const HEAP_SLACK_BYTES = 24 * 1024 * 1024;
const WARM_UP_BATCHES = 8;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

export interface FuzzFigures {
  readonly tried: number;
  /** By how much the memory in use grew after the first batches; never to reach HEAP_SLACK_BYTES. */
  readonly grownBytes: number;
}

/**
 * Gives inputs to `check`, which throws when the property does not hold, for as long as was asked for. Fails with the
 * smallest input found and its seed, and ends the process when one input hangs.
 */
export async function runFuzz<T>(
  name: string,
  inputs: fc.Arbitrary<T>,
  check: (input: T) => void | Promise<void>,
): Promise<FuzzFigures> {
  using watchdog = new Watchdog(`${name}, seed ${SEED}`, INPUT_DEADLINE_MS);
  let tried = 0;
  const batch = async (index: number): Promise<void> => {
    const property = fc.asyncProperty(inputs, async (input) => {
      await check(input);
      tried += 1;
      watchdog.progress();
    });
    await fc.assert(property, { numRuns: BATCH, seed: SEED + index });
  };
  let next = 0;
  while (next < WARM_UP_BATCHES) await batch(next++);
  const heapAtStart = await memoryInUse();
  const startedMs = performance.now();
  const triedAtStart = tried;
  const elapsedSeconds = (): number => (performance.now() - startedMs) / 1000;
  while (elapsedSeconds() < SECONDS) await batch(next++);
  const perSecond = Math.round((tried - triedAtStart) / elapsedSeconds());
  const heapAtEnd = await memoryInUse();
  process.stdout.write(
    `${name}: ${tried} inputs, ${perSecond} a second for ${SECONDS} s, seed ${SEED}, ` +
      `memory ${megabytes(heapAtStart)} MB at first and ${megabytes(heapAtEnd)} MB at last\n`,
  );
  return { tried, grownBytes: heapAtEnd - heapAtStart };
}

/** Bytes of heap and buffers that are still used. */
async function memoryInUse(): Promise<number> {
  // The memory of buffers is given back some time after they were found to be garbage.
  for (let round = 0; round < 3; round += 1) {
    collectGarbage();
    await setImmediate();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
