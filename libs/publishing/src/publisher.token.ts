/** Injection token of the PublisherDriver that the configuration chose. */
export const PUBLISHER_DRIVER = Symbol('PUBLISHER_DRIVER');
