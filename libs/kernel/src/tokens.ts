/** Injection tokens of the ports that every module may ask for. */
export const LOGGER = Symbol('LOGGER');
export const METRICS = Symbol('METRICS');
export const CLOCK = Symbol('CLOCK');
export const ERROR_REPORTER = Symbol('ERROR_REPORTER');
