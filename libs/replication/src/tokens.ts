/** Injection token of the ChangeSource. */
export const CHANGE_SOURCE = Symbol('CHANGE_SOURCE');
