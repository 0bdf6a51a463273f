export { collectBytes, fromBytes, limitBytes, type ByteSource } from './byte-source.ts';
export { forEachConcurrently } from './for-each-concurrently.ts';
