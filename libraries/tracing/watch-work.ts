import { codeOf } from '@lade/errors';

/** `error` is the class of what has failed; `cancelled` where nobody wanted the end. */
type TellWork = (name: string, ms: number, error: string | undefined) => void;

let tell: TellWork | undefined;

/** From now on `next` is told of every piece of work at its end, in a trace or not, until disposal. */
export function watchWork(next: TellWork): Disposable {
  tell = next;
  return { [Symbol.dispose]: () => void (tell = undefined) };
}

/** Tells how long `work` took. */
export async function timeWork<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (!tell) return work();
  const started = performance.now();
  let error: string | undefined;
  try {
    return await work();
  } catch (reason) {
    error = codeOf(reason);
    throw reason;
  } finally {
    tell(name, performance.now() - started, error);
  }
}

/** The same of what comes by and by. */
export async function* timeItems<T>(name: string, items: AsyncIterable<T>): AsyncGenerator<T> {
  const started = performance.now();
  let error: string | undefined = 'cancelled';
  try {
    yield* items;
    error = undefined;
  } catch (reason) {
    error = codeOf(reason);
    throw reason;
  } finally {
    tell?.(name, performance.now() - started, error);
  }
}
