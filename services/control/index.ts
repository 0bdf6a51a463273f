export type { ControlPlatform } from './control-platform.ts';
export { serveControl, type ControlServer, type ServeControlOptions } from './serve-control.ts';
