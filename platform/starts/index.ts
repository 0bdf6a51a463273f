export { layersReadElsewhere, layersReadIn, readsOf, type ContainerReads } from './container-reads.ts';
export { filesRead, topFiles, type FileRead } from './files-read.ts';
export type { ContainerRecord, Level, TaskEvent, TaskSource } from './ports.ts';
export { PullTimes } from './pull-times.ts';
export { StartSpans } from './start-spans.ts';
export { StartTable, type Start, type StartKind } from './start-table.ts';
export { TaskStarts, type TaskStartsOptions } from './task-starts.ts';
