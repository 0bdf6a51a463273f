export { migrate, openDatabase, transaction, type Database } from './database.ts';
