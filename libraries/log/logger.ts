import { fromUnknown } from '@lade/errors';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Plain values only; an Error under the key `error` is written as its code, message and cure. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const NO_FIELDS: LogFields = {};

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** One line of the log. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  /** With an error taken apart. */
  readonly fields: LogFields;
}

export interface LoggerOptions {
  /** Gets every line, also those below the level. */
  readonly tell?: (record: LogRecord) => void;
  /** Fields that every line has where it is written. */
  readonly context?: () => LogFields;
}

/** One JSON object a line, as log collectors take it. */
export function createLogger(
  write: (line: string) => void,
  minimum: LogLevel = 'info',
  { tell, context = () => NO_FIELDS }: LoggerOptions = {},
): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, given: LogFields = {}): void => {
      const isWritten = RANK[level] >= RANK[minimum];
      if (!isWritten && !tell) return;
      const fields = { ...given, ...describe(given['error']) };
      tell?.({ level, message, fields });
      if (!isWritten) return;
      const time = new Date().toISOString();
      write(`${JSON.stringify({ time, level, message, ...context(), ...fields })}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function describe(reason: unknown): LogFields {
  if (reason === undefined) return {};
  const error = fromUnknown(reason);
  return {
    error: error.message,
    code: error.code,
    ...(error.cure === undefined ? {} : { cure: error.cure }),
  };
}

export const SILENT: Logger = createLogger(() => {}, 'error');
