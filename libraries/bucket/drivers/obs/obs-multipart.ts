import { CodedError } from '@lade/errors';
import type { WaitOptions } from '../../bucket.ts';
import { versionOf } from '../answered-range.ts';
import type { PartStore, StoredPart } from '../part-store.ts';
import { fromRefusal } from './obs-errors.ts';
import type { ObsStore } from './obs-store.ts';
import { elementsOf, escapeXml, textOf } from './xml.ts';

type Headers = Readonly<Record<string, string>>;

interface Uploads {
  readonly store: ObsStore;
  /** With the prefix; '' where nothing is begun. */
  readonly key: string;
  /** How the object is to be kept. */
  readonly keeping: Headers;
  readonly condition: Headers;
  /** Called when all parts are there. */
  readonly beforeComplete: () => Promise<void>;
}

/** The multipart uploads of an OBS. */
export function openObsParts({ store, key: newKey, keeping, condition, beforeComplete }: Uploads): PartStore {
  const action = 'put';
  return {
    async uploads(prefix, options) {
      const query = { uploads: '', prefix };
      const question = {
        action: 'list uploads of',
        method: 'GET',
        key: '',
        name: `${prefix}*`,
        query,
      } as const;
      const xml = await store.askXml(question, options);
      return elementsOf(xml, 'Upload').map((element) => ({
        key: textOf(element, 'Key'),
        id: textOf(element, 'UploadId'),
        begunAt: new Date(textOf(element, 'Initiated')),
      }));
    },
    async begin(options) {
      const query = { uploads: '' };
      const question = { action, method: 'POST', key: newKey, query, headers: keeping } as const;
      const id = textOf(await store.askXml(question, options), 'UploadId');
      return { key: newKey, id, begunAt: new Date() };
    },
    async parts({ key, id }, options) {
      return Array.fromAsync(listParts(store, key, id, options));
    },
    async send({ key, id }, { number, bytes, md5 }, options) {
      const query = { partNumber: String(number), uploadId: id };
      const question = { action, method: 'PUT', key, query, body: bytes, md5 } as const;
      const { etag = '' } = await store.askHeaders(question, options);
      return etag;
    },
    async complete({ key, id }, etags, options) {
      await beforeComplete();
      const parts = etags.map(
        (etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`,
      );
      const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
      const question = { action, method: 'POST', key, query: { uploadId: id }, headers: condition } as const;
      const result = await store.askXml({ ...question, body }, options);
      // Stores begin to answer before they know how it ends.
      if (textOf(result, 'Code') !== '')
        throw fromRefusal({ status: 500, headers: {}, xml: result }, store.attemptOf(question));
      const etag = textOf(result, 'ETag');
      if (etag !== '') return versionOf(etag);
      throw new CodedError('unavailable', `Cannot put ${key}: the store does not say its ETag`);
    },
    async abort({ key, id }, options) {
      await store.askHeaders({ action, method: 'DELETE', key, query: { uploadId: id } }, options);
    },
  };
}

async function* listParts(
  store: ObsStore,
  key: string,
  uploadId: string,
  options: WaitOptions,
): AsyncGenerator<StoredPart> {
  for (let marker = '0'; ;) {
    const query = { uploadId, 'part-number-marker': marker };
    const xml = await store.askXml({ action: 'list parts of', method: 'GET', key, query }, options);
    for (const element of elementsOf(xml, 'Part'))
      yield {
        number: Number(textOf(element, 'PartNumber')),
        sizeBytes: Number(textOf(element, 'Size')),
        etag: textOf(element, 'ETag'),
        storedAt: new Date(textOf(element, 'LastModified')),
      };
    const next = textOf(xml, 'NextPartNumberMarker');
    if (textOf(xml, 'IsTruncated') !== 'true' || next === '' || next === marker) return;
    marker = next;
  }
}
