export { migrate, openDatabase, transaction, type Database } from './database.ts';
export { QueueWorker, type QueuedItem, type QueueTable, type QueueWork } from './queue-worker.ts';
