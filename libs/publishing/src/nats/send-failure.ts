import type { AppError } from '#lib/kernel';
import { JS_ERROR, type JetStreamError, mapRefusal } from './map-nats-error.js';

/** Why sending stopped. */
export type SendFailure =
  /** The stream's last message is not the one that the chain names. */
  | { readonly kind: 'wrongLast' }
  /** The stream would not take a message for now. */
  | { readonly kind: 'refused'; readonly error: AppError }
  /** The connection broke, or answers stay away. */
  | { readonly kind: 'lost'; readonly error: AppError }
  /** Nothing is wrong with the broker: something has to be sent in another way. */
  | { readonly kind: 'again' }
  /** The stream does not store the subject, as far as is known. */
  | { readonly kind: 'uncovered'; readonly subject: string };

/** What a negative acknowledgement means for the sending. */
export function failureOf(error: JetStreamError, stream: string): SendFailure {
  switch (error.err_code) {
    case JS_ERROR.wrongLastMsgId:
    case JS_ERROR.wrongLastSequence:
      return { kind: 'wrongLast' };
    case JS_ERROR.messageTooLarge:
      // Handled as a message that was known to be too large, with the limit that holds now.
      return { kind: 'again' };
    default:
      return { kind: 'refused', error: mapRefusal(error, stream) };
  }
}
