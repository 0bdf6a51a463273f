import koffi from 'koffi';
import { systemError } from './errno.ts';

/** The C library that Node itself runs on, so that glibc and musl both serve. */
const libc = koffi.load(null);
const EINTR = 4;

/** A call that returns -1 and sets errno on failure. */
interface LibcFunction {
  (...args: readonly Argument[]): number;
  async(...args: readonly [...Argument[], (error: unknown, result: number) => void]): void;
}

/** A 64-bit number that is not a safe integer has to be a bigint; buffers are passed by address, without a copy. */
type Argument = number | bigint | Uint8Array | null;

/** What was attempted, for the error message: "Cannot mount …". A function where building it costs something. */
type Attempted = string | (() => string);

/** `prototype` is C; declare every text as `const uint8_t *` and pass it through `cString`. */
export function declare(prototype: string): LibcFunction {
  return libc.func(prototype);
}

/** Calls on this thread; a call that a signal interrupted is repeated. */
export function callNow(call: LibcFunction, attempted: Attempted, ...args: readonly Argument[]): number {
  for (;;) {
    const result = call(...args);
    if (result !== -1) return result;
    const errno = koffi.errno();
    if (errno !== EINTR) throw systemError(errno, textOf(attempted));
  }
}

/** Koffi refuses more than 256 at a time; libuv's pool runs far fewer. */
const MAX_UNDER_WAY = 32;
let underWay = 0;
const waiting: (() => void)[] = [];

/** Calls on a thread of libuv's pool, for what may wait; a call that a signal interrupted is repeated. */
export async function callLater(
  call: LibcFunction,
  attempted: Attempted,
  ...args: readonly Argument[]
): Promise<number> {
  if (underWay < MAX_UNDER_WAY) underWay += 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await callOnPool(call, attempted, args);
  } finally {
    const next = waiting.shift();
    if (next) next();
    else underWay -= 1;
  }
}

/**
 * Koffi puts the errno of the pool's thread in place for as long as the callback runs, so it is read there. It passes
 * buffers by address and keeps no hold on them: the callback does, through `start`.
 */
function callOnPool(call: LibcFunction, attempted: Attempted, args: readonly Argument[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = (): void =>
      call.async(...args, (error, result) => {
        const errno = koffi.errno();
        if (error !== null) reject(error);
        else if (result !== -1) resolve(result);
        else if (errno === EINTR) start();
        else reject(systemError(errno, textOf(attempted)));
      });
    start();
  });
}

/** NUL-terminated bytes of a path or name. Throws TypeError for a NUL inside, which would cut it short. */
export function cString(text: string | Uint8Array, encoding: 'utf8' | 'latin1' = 'utf8'): Uint8Array {
  const bytes = typeof text === 'string' ? Buffer.from(text, encoding) : text;
  if (bytes.includes(0)) throw new TypeError(`Text with a NUL inside: ${JSON.stringify(printable(text))}`);
  return Buffer.concat([bytes, Buffer.alloc(1)]);
}

/** For messages only. */
export function printable(text: string | Uint8Array): string {
  return typeof text === 'string' ? text : Buffer.from(text).toString('utf8');
}

function textOf(attempted: Attempted): string {
  return typeof attempted === 'string' ? attempted : attempted();
}
