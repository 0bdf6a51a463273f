export { cgroupOf } from './cgroup-of.ts';
export { Containers, type OpenContainersOptions } from './containers.ts';
export type { ContainerSettings } from './create-container.ts';
export type { ExecRequest } from './exec-in-container.ts';
export type { ContainerSummary } from './list-containers.ts';
export type {
  Containerd,
  Mount,
  NamespaceCalls,
  OpenPipes,
  Output,
  Pipes,
  Roots,
  RunnableImage,
  Streams,
  TerminalSize,
} from './ports.ts';
export type { ProcessEvent, RunEvent, RunRequest } from './run-container.ts';
export type { Sessions } from './sessions.ts';
