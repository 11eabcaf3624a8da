import { rmSync } from 'node:fs';

const folders = new Set<string>();

process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Has the folder removed when the process ends, however abruptly it is told to; gives back how to call that off. */
export function removeAtExit(folder: string): () => void {
  folders.add(folder);
  return () => folders.delete(folder);
}
