import type { EventWindow } from '../event-window.js';
import { KeyedLanes } from '../keyed-lanes.js';
import type { SendOrder } from '../send-order.js';
import { ChainOrder } from './chain-order.js';
import { KeyedOrderProof, type OrderProof, TotalOrderProof } from './order-proof.js';

/** How events go out: in which order, and whether each names its predecessor. */
export interface SendMode {
  readonly chained: boolean;
  readonly order: SendOrder;
  readonly proof: OrderProof;
}

/** Everything in one total order, each message stored only directly after the one before it. */
export function chainMode(window: EventWindow): SendMode {
  return { chained: true, order: new ChainOrder(window), proof: new TotalOrderProof() };
}

/** One unacknowledged message per ordering key, for a stream that others write to as well. */
export function keyedMode(): SendMode {
  return { chained: false, order: new KeyedLanes(), proof: new KeyedOrderProof() };
}
