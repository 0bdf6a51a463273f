import { forEachConcurrently } from '@lade/streams';
import type { WaitOptions } from '../../bucket.ts';
import { inBatches } from '../in-batches.ts';
import { fromRefusal } from './obs-errors.ts';
import type { ObsStore } from './obs-store.ts';
import { elementsOf, escapeXml, textOf } from './xml.ts';

const BATCHES_AT_ONCE = 4;

/** Deletes objects of the full keys given, a thousand in a request. */
export async function deleteObjects(
  store: ObsStore,
  keys: readonly string[],
  options: WaitOptions,
): Promise<void> {
  const [only] = keys;
  if (keys.length === 1 && only !== undefined) {
    await store.askHeaders({ action: 'delete', method: 'DELETE', key: only }, options);
    return;
  }
  await forEachConcurrently(
    inBatches(keys),
    BATCHES_AT_ONCE,
    async (batch, signal) => deleteBatch(store, batch, { signal }),
    options,
  );
}

async function deleteBatch(store: ObsStore, keys: readonly string[], options: WaitOptions): Promise<void> {
  const objects = keys.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`);
  const body = Buffer.from(`<Delete><Quiet>true</Quiet>${objects.join('')}</Delete>`);
  const { key: first } = store.attemptOf({ action: 'delete', method: 'DELETE', key: keys[0] ?? '' });
  const question = { action: 'delete', method: 'POST', key: '', query: { delete: '' }, body } as const;
  const name = keys.length === 1 ? first : `${first} and ${keys.length - 1} more`;
  const xml = await store.askXml({ ...question, name }, options);
  const [failure] = elementsOf(xml, 'Error').filter((error) => textOf(error, 'Code') !== 'NoSuchKey');
  if (failure === undefined) return;
  const target = { ...question, key: textOf(failure, 'Key') };
  // The status is that of the batch, and says nothing.
  throw fromRefusal({ status: 500, headers: {}, xml: failure }, store.attemptOf(target));
}
