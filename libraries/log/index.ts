export {
  SILENT,
  createLogger,
  type LogFields,
  type LogLevel,
  type LogRecord,
  type Logger,
} from './logger.ts';
