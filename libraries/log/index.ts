export { SILENT, createLogger, type LogFields, type LogLevel, type Logger } from './logger.ts';
