import { isCodedError } from '@lade/errors';

/** What `call` gives; undefined where there is nothing any more, which suits whoever takes things away. */
export async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return undefined;
    throw reason;
  }
}
