import { readdirSync, readFileSync } from 'node:fs';

/** The direct children of a process (Linux: read from /proc; elsewhere none are found). */
export function childrenOf(pid: number): number[] {
  let entries: string[];
  try {
    entries = readdirSync('/proc');
  } catch {
    return [];
  }
  return entries.filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === pid).map(Number);
}

function parentOf(entry: string): number | undefined {
  const parent = statFields(entry)?.[1];
  return parent === undefined ? undefined : Number(parent);
}

/** State, parent and what follows them in /proc/PID/stat. */
function statFields(entry: string): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
    // The program's name, in parentheses, may hold anything: count the fields after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** Whether the process runs; one that has ended and waits to be collected does not. */
export function isAlive(pid: number): boolean {
  const state = statFields(String(pid))?.[0];
  return state === undefined ? process.platform !== 'linux' && signals(pid) : state !== 'Z' && state !== 'X';
}

function signals(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Signals a process and its direct children. */
export function signalTree(pid: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
  // The parent is stopped first: while it runs it could start a child behind the list's back.
  if (signal !== 'SIGCONT') sendSignal(pid, 'SIGSTOP');
  for (const child of childrenOf(pid)) sendSignal(child, signal);
  sendSignal(pid, signal);
}

/** SIGKILL to a process and its direct children. */
export function killTree(pid: number): void {
  signalTree(pid, 'SIGKILL');
}

/** Blocks the whole thread; only for the last moments of a process, when nothing asynchronous runs any more. */
export function pauseThread(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Sends a signal; false when the process is gone. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
