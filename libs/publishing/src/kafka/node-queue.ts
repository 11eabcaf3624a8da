import type { PartitionLane } from './partition-lane.js';

/** What waits for one broker node, and how many requests to it are unanswered. */
export class NodeQueue {
  /** Lanes with waiting events; the first is served first. */
  lanes: PartitionLane[] = [];
  /** About as many bytes wait in them. */
  waitingBytes = 0;
  outstanding = 0;
  /** A request is being compressed: no other may be made before it is out. */
  preparing = false;

  constructor(readonly nodeId: number) {}

  add(lane: PartitionLane, bytes: number): void {
    this.waitingBytes += bytes;
    if (lane.listed) return;
    lane.listed = true;
    this.lanes.push(lane);
  }
}
