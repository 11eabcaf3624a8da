import type { PipelineState, Verdict } from '../pipeline-state.js';

/** What `/ready` makes of the parts: all must hold. Gives the part that says why not, else the stream's. */
export function readiness(state: PipelineState): Verdict {
  const { stream, database, broker, slot } = state.parts();
  if (!stream.ok) return stream;
  return [broker, database, slot].find(({ ok }) => !ok) ?? stream;
}
