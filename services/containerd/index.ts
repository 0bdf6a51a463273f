export { CallTraces, chainName, ingestName, preparedName, snapshotName } from './call-traces.ts';
export { contentHandlers } from './content/handlers.ts';
export {
  diffHandlers,
  type LayerMaker,
  type LayerRequest,
  type LayerUnpacker,
  type UnpackedLayer,
} from './diff/handlers.ts';
export { snapshotHandlers } from './snapshots/handlers.ts';
export { watchCalls } from './watch-calls.ts';
