export type { ControlPlatform } from './control-platform.ts';
export { serveControl, type ControlServer, type ServeControlOptions } from './serve-control.ts';
export { answerFile, isFileRequest } from './static-files.ts';
