export {
  eventId,
  ID_LENGTH,
  ID_OFFSET,
  type Action,
  type OutgoingEvent,
  type Route,
  type TransactionInfo,
} from './change-event.js';
export { EventEncoder } from './event-encoder.js';
export type { EventSource } from './event-id.js';
export { chooseKeyColumns, type KeyChoice } from './key-columns.js';
export { compileRowPlan, type RowPlan, type RowPlanOptions } from './row-plan.js';
