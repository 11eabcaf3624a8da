import { Worker } from 'node:worker_threads';

/**
 * Ends this process when one input takes longer than `deadlineMs`: a loop without end blocks every timer of its own
 * thread, so only another thread can tell. `progress` is to be called after each input.
 */
export class Watchdog implements Disposable {
  private readonly counter = new Int32Array(new SharedArrayBuffer(4));
  private readonly worker: Worker;

  constructor(what: string, deadlineMs: number) {
    this.worker = new Worker(WATCH, { eval: true, workerData: { counter: this.counter, what, deadlineMs } });
    this.worker.unref();
  }

  progress(): void {
    Atomics.add(this.counter, 0, 1);
  }

  [Symbol.dispose](): void {
    void this.worker.terminate();
  }
}

const WATCH = `
  const { workerData: { counter, what, deadlineMs } } = require('node:worker_threads');
  let seen = -1;
  let since = performance.now();
  setInterval(() => {
    const now = Atomics.load(counter, 0);
    if (now !== seen) {
      seen = now;
      since = performance.now();
    } else if (performance.now() - since > deadlineMs) {
      require('node:fs').writeSync(2, what + ': input ' + (now + 1) + ' takes more than ' + deadlineMs + ' ms\\n');
      process.kill(process.pid, 'SIGKILL');
    }
  }, 250);
`;
