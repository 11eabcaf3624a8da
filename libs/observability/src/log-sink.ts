import { writeSync } from 'node:fs';
import { destination, type DestinationStream } from 'pino';
import { escapeControls, textLine } from './text-line.js';

/** What may wait while nothing can be written, for example on a full disk; lines beyond it are dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * Where lines go: written at once, so that nothing is missing after an exit. A log that cannot be written (its reader
 * has gone, the disk is full) does not stop the service, which says so once on the other of stdout and stderr.
 * @param fd 1 = stdout, 2 = stderr
 */
export function openSink(fd: 1 | 2, fmt: 'json' | 'text'): DestinationStream {
  const sink = destination({ dest: fd, sync: true, maxLength: MAX_WAITING_BYTES });
  let isReported = false;
  sink.on('error', (error: NodeJS.ErrnoException) => {
    if (isReported) return;
    isReported = true;
    // Events may be on stdout: nothing else belongs there.
    if (fd === 1) lastWords(`the log on stdout cannot be written (${error.code ?? error.message})`);
  });
  const form = fmt === 'json' ? (line: string) => escapeControls(line.trimEnd()) : textLine;
  return { write: (line: string) => void sink.write(`${form(line)}\n`) };
}

function lastWords(what: string): void {
  try {
    writeSync(2, `wal-listener: ${what}; the service goes on without it\n`);
  } catch {
    // That one is closed too.
  }
}
