export { collectBytes, fromBytes, limitBytes, type ByteSource, type PullSource } from './byte-source.ts';
export { eventsOf, type EventsOptions } from './events-of.ts';
export { forEachConcurrently } from './for-each-concurrently.ts';
export { shareBytes } from './share-bytes.ts';
export { SharedCalls } from './shared-calls.ts';
