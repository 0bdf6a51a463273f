export { migrate, openDatabase, transaction, type Database } from './database.ts';
export { QueueWorker, type QueueTable, type QueueWork } from './queue-worker.ts';
