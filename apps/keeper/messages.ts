import { CodedError } from '@lade/errors';

/*
 * What daemon and keeper say to each other: JSON, one message a line, each of the daemon's answered by one of the keeper's,
 * in turn. A keeper outlives releases of the daemon: a message may gain optional fields, and never lose or change one.
 */

/** How to start a daemon again. */
export interface Command {
  /** The program and its arguments. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export type DaemonMessage =
  /** The first of a connection; answered with `holding` once the daemon before has gone. */
  | { readonly kind: 'hello'; readonly pid: number }
  /** From now on the daemon must not stay away: if the connection ends, it is started again, where there is a command. */
  | { readonly kind: 'serving'; readonly command?: Command }
  /** The daemon stops as planned: hold on, and wait for the next. */
  | { readonly kind: 'bye' }
  /** Nothing depends on the descriptors any more. Answered by the end of the connection. */
  | { readonly kind: 'release' };

export type KeeperMessage =
  | {
      readonly kind: 'holding';
      readonly pid: number;
      /** Their numbers in the keeper, by name. */
      readonly descriptors: Readonly<Record<string, number>>;
      /** How often this keeper has started a daemon. */
      readonly restarts: number;
    }
  | { readonly kind: 'noted' };

const MAX_LINE_BYTES = 1 << 20;
const NEWLINE = 10;

export function encodeMessage(message: DaemonMessage | KeeperMessage): string {
  return `${JSON.stringify(message)}\n`;
}

/** The messages of a connection. Throws `invalid_argument` for a line that exceeds 1 MiB or that `decode` throws at. */
export async function* readMessages<Message>(
  source: AsyncIterable<Uint8Array>,
  decode: (value: unknown) => Message,
): AsyncGenerator<Message, undefined> {
  let rest = Buffer.alloc(0);
  for await (const bytes of source) {
    rest = Buffer.concat([rest, bytes]);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      yield decode(parse(rest.toString('utf8', 0, end)));
      rest = rest.subarray(end + 1);
    }
    if (rest.byteLength > MAX_LINE_BYTES) throw malformed('a line is longer than 1 MiB');
  }
}

/** Throws `invalid_argument` for what is no message of a daemon. */
export function decodeDaemonMessage(value: unknown): DaemonMessage {
  const { kind, pid, command } = fieldsOf(value);
  if (kind === 'bye' || kind === 'release') return { kind };
  if (kind === 'hello' && isCount(pid)) return { kind, pid };
  if (kind === 'serving' && command === undefined) return { kind };
  if (kind === 'serving' && isCommand(command)) return { kind, command };
  throw malformed('no message of a daemon');
}

/** Throws `invalid_argument` for what is no message of a keeper. */
export function decodeKeeperMessage(value: unknown): KeeperMessage {
  const { kind, pid, descriptors, restarts } = fieldsOf(value);
  if (kind === 'noted') return { kind };
  if (kind === 'holding' && isCount(pid) && isCount(restarts) && isRecord(descriptors, isCount))
    return { kind, pid, descriptors, restarts };
  throw malformed('no message of a keeper');
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    throw malformed('a line is not JSON');
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function isCommand(value: unknown): value is Command {
  const { argv, cwd, env } = fieldsOf(value);
  return Array.isArray(argv) && argv.length > 0 && argv.every(isText) && isText(cwd) && isRecord(env, isText);
}

function isRecord<T>(value: unknown, isMember: (member: unknown) => member is T): value is Record<string, T> {
  return typeof value === 'object' && value !== null && Object.values(value).every(isMember);
}

/** A NUL would make the start of a program throw. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function malformed(state: string): CodedError {
  return new CodedError('invalid_argument', `Cannot read what daemon and keeper say: ${state}`, {
    cure: 'Check that nothing but lade uses the keeper’s socket',
  });
}
