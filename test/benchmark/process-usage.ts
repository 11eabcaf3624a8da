import { readFileSync } from 'node:fs';

const INTERVAL_MS = 20;
/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

/** Reads a process's peak memory and processor time again and again, since both are gone with the process. */
export class ProcessUsage implements Disposable {
  peakRssBytes: number | undefined;
  cpuSeconds: number | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** Follows the process from now on. */
  watch(pid: number): void {
    this.timer = setInterval(() => this.read(pid), INTERVAL_MS);
  }

  /** Reads once more: what was used up to now. */
  read(pid: number): void {
    try {
      const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
      const peak = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
      if (peak !== undefined) this.peakRssBytes = Number(peak) * 1024;
      const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      this.cpuSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    } catch {
      // It has ended: the last values stand.
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }
}
