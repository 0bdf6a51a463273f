import { CodedError } from '@lade/errors';
import type { ByteSource } from '@lade/streams';
import type { WaitOptions } from '../../bucket.ts';
import { versionOf } from '../answered-range.ts';
import { inParts } from '../in-parts.ts';
import { fromRefusal } from './obs-errors.ts';
import type { ObsStore } from './obs-store.ts';
import { escapeXml, textOf } from './xml.ts';

/** Bounds memory, and with OBS's 10,000 parts the size: 160 GB. */
const PART_BYTES = 16 << 20;
const CLEAN_UP_MS = 5_000;

type Headers = Readonly<Record<string, string>>;

export interface Upload {
  readonly key: string;
  /** How the object is to be kept. */
  readonly keeping: Headers;
  readonly condition: Headers;
  /** Called when all parts are there. */
  readonly beforeComplete: () => Promise<void>;
}

/** Uploads a large body part by part and returns the version; a failure aborts the upload, so that no part stays behind. */
export async function putInParts(
  store: ObsStore,
  body: ByteSource,
  { key, keeping, condition, beforeComplete }: Upload,
  options: WaitOptions,
): Promise<string> {
  const target = { action: 'put', key };
  const begin = { ...target, method: 'POST', query: { uploads: '' }, headers: keeping } as const;
  const uploadId = textOf(await store.askXml(begin, options), 'UploadId');
  try {
    const parts: string[] = [];
    for await (const part of inParts(body, PART_BYTES)) {
      const partNumber = String(parts.length + 1);
      const question = { ...target, method: 'PUT', query: { partNumber, uploadId }, body: part } as const;
      const { etag = '' } = await store.askHeaders(question, options);
      parts.push(`<Part><PartNumber>${partNumber}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`);
    }
    await beforeComplete();
    const list = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
    const complete = { ...target, method: 'POST', query: { uploadId }, headers: condition } as const;
    const result = await store.askXml({ ...complete, body: Buffer.from(list) }, options);
    // Stores begin to answer before they know how it ends.
    if (textOf(result, 'Code') !== '')
      throw fromRefusal({ status: 500, headers: {}, xml: result }, store.attemptOf(complete));
    const etag = textOf(result, 'ETag');
    if (etag === '')
      throw new CodedError('unavailable', `Cannot put ${key}: the store does not say its ETag`);
    return versionOf(etag);
  } catch (reason) {
    const abort = { ...target, method: 'DELETE', query: { uploadId } } as const;
    await store.askHeaders(abort, { signal: AbortSignal.timeout(CLEAN_UP_MS) }).catch(() => {});
    throw reason;
  }
}
