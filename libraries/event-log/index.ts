export { EventLog, type EventFilter, type LoggedEvent } from './event-log.ts';
