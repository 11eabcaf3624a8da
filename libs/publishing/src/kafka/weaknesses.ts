import type { TopicLayout, TopicSettings } from './kafka-ports.js';

export interface Weakness {
  readonly kind: 'replicas' | 'minInsync' | 'unclean';
  readonly message: string;
}

/** What weakens the acknowledgements of a topic. Pure. */
export function weaknesses(settings: TopicSettings, layout: TopicLayout): readonly Weakness[] {
  const { name } = layout;
  const found: Weakness[] = [];
  const replicas = Math.min(...layout.replicas);
  if (replicas === 1) {
    found.push({
      kind: 'replicas',
      message: `topic "${name}" has one replica: what is acknowledged is lost with that broker's disk`,
    });
  } else if (settings.minInsyncReplicas < 2) {
    found.push({
      kind: 'minInsync',
      message: `topic "${name}" has min.insync.replicas=1: a message may be acknowledged by a single broker and lost with it`,
    });
  }
  if (settings.uncleanLeaderElection) {
    found.push({
      kind: 'unclean',
      message: `topic "${name}" has unclean.leader.election.enable=true: acknowledged messages may be dropped by an election`,
    });
  }
  return found;
}
