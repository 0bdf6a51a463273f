export type { BucketWork } from './bucket-work.ts';
export type { ContainerWork } from './container-work.ts';
export type { ControlPlatform, LayerViews } from './control-platform.ts';
export type { Metric } from './prometheus-text.ts';
export type { Token } from './guard-request.ts';
export { serveControl, type ControlServer, type ServeControlOptions } from './serve-control.ts';
export { answerFile, isFileRequest } from './static-files.ts';
