export { PipelineHost } from './pipeline.host.js';
export { PipelineModule } from './pipeline.module.js';
export { PipelineState, type PartVerdicts, type PipelinePhase, type Verdict } from './pipeline-state.js';
export { PIPELINE_STATE } from './tokens.js';
