import type { ObjectInfo, ListOptions } from '../../bucket.ts';
import { compareKeys } from '../../object-key.ts';
import { versionOf } from '../answered-range.ts';
import { noStore } from '../endpoint-failures.ts';
import type { ObsStore } from './obs-store.ts';
import { elementsOf, textOf } from './xml.ts';

/** What list() of Bucket gives, below `own`, page after page. */
export async function* listObjects(
  store: ObsStore,
  own: string,
  prefix: string,
  options: ListOptions,
): AsyncGenerator<ObjectInfo> {
  let last = options.startAfter ?? '';
  for (let marker = last === '' ? '' : own + last; ;) {
    const query = {
      prefix: own + prefix,
      'encoding-type': 'url',
      ...(marker === '' ? {} : { marker }),
    };
    const question = { action: 'list', method: 'GET', key: '', name: `${prefix}*`, query } as const;
    const xml = await store.askXml(question, options);
    if (!xml.includes('<ListBucketResult')) throw noStore(store.attemptOf(question), 'the answer is no list');
    const page = readPage(xml);
    for (const object of page.objects) {
      options.signal?.throwIfAborted();
      const key = object.key.slice(own.length);
      // Stores are known that give again what comes before a marker that is gone.
      if (compareKeys(key, last) <= 0) continue;
      last = key;
      yield { ...object, key };
    }
    if (!page.isTruncated || page.next === '') return;
    marker = page.next;
  }
}

function readPage(xml: string): { objects: ObjectInfo[]; isTruncated: boolean; next: string } {
  const isEscaped = textOf(xml, 'EncodingType') === 'url';
  const keyOf = (element: string, name: string): string => {
    const text = textOf(element, name);
    return isEscaped ? decodeURIComponent(text.replaceAll('+', '%20')) : text;
  };
  const objects = elementsOf(xml, 'Contents').map((element) => ({
    key: keyOf(element, 'Key'),
    sizeBytes: Number(textOf(element, 'Size')),
    version: versionOf(textOf(element, 'ETag')),
    modifiedAt: new Date(textOf(element, 'LastModified')),
  }));
  const next = keyOf(xml, 'NextMarker') || (objects.at(-1)?.key ?? '');
  return { objects, isTruncated: textOf(xml, 'IsTruncated') === 'true', next };
}
