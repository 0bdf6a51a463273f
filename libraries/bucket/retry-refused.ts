import { orAbort } from '@lade/streams';
import type { CredentialSource } from './credentials.ts';
import type { WaitOptions } from './bucket.ts';

/** Makes a request whose credentials the store refuses once more, where there are others by then. */
export async function retryRefused<T>(
  source: CredentialSource,
  request: () => Promise<T>,
  { signal, isRefusal }: WaitOptions & { readonly isRefusal: (reason: unknown) => boolean },
): Promise<T> {
  const used = await orAbort(source.get(), signal);
  try {
    return await request();
  } catch (reason) {
    if (!isRefusal(reason)) throw reason;
    source.refuse(used);
    const { accessKeyId } = await orAbort(source.get(), signal);
    if (accessKeyId === used.accessKeyId) throw reason;
    return request();
  }
}
