/** Injection tokens of what the pipeline provides. */
export const PIPELINE_STATE = Symbol('PIPELINE_STATE');
export const SUPERVISOR = Symbol('SUPERVISOR');
