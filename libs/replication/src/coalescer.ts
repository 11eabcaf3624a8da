/** Chunks of this size and more mean that reading is efficient as it is. */
const LARGE_CHUNK_BYTES = 32 * 1024;
/** Small chunks that must come within WINDOW_MS before waiting begins: 5,000 a second. */
const WINDOW_CHUNKS = 25;
const WINDOW_MS = 5;
/** Fewer messages than this in a millisecond's gulp: slower than 5,000 a second, so waiting ends. */
const BUSY_FRAMES = 5;

/** How long reading pauses to let a gulp gather. */
export const COALESCE_MS = 1;

/**
 * Decides whether to pause reading for a millisecond so that the next read finds more. The walsender sends one TCP
 * segment per message, and a reader that takes each at once pays a wake-up per row; pausing after a small chunk costs a
 * tenth of the CPU. Waiting begins only when small chunks come faster than 5,000 a second and ends when a gulp
 * shows that they no longer do: a lone transaction, or a steady thousand commits a second, is handled at once.
 */
export class Coalescer {
  private coalescing = false;
  private windowStart = -Infinity;
  private windowChunks = 0;

  /** Called after each chunk with its size, the messages that ended in it and the time; true = pause COALESCE_MS. */
  shouldPause(bytes: number, frames: number, nowMs: number): boolean {
    if (this.coalescing) {
      if (frames < BUSY_FRAMES && bytes < LARGE_CHUNK_BYTES) {
        this.coalescing = false;
        this.windowStart = nowMs;
        this.windowChunks = 0;
      }
    } else if (bytes < LARGE_CHUNK_BYTES) {
      if (nowMs - this.windowStart > WINDOW_MS) {
        this.windowStart = nowMs;
        this.windowChunks = 0;
      }
      this.windowChunks += 1;
      this.coalescing = this.windowChunks >= WINDOW_CHUNKS;
    }
    return this.coalescing && bytes < LARGE_CHUNK_BYTES;
  }
}
