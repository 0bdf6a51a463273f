import type { MultipartSteps } from '../../multipart-steps.ts';
import type { ObsOptions } from './obs-options.ts';
import { ObsStore } from './obs-store.ts';
import { escapeXml, textOf } from './xml.ts';

export function openObsSteps(options: ObsOptions): MultipartSteps {
  const store = new ObsStore(options);
  const { prefix } = options;
  const of = (key: string, uploadId: string) => ({ action: 'put', key: prefix + key, query: { uploadId } });
  return {
    async begin(key, wait) {
      const question = { action: 'put', method: 'POST', key: prefix + key, query: { uploads: '' } } as const;
      return textOf(await store.askXml(question, wait), 'UploadId');
    },
    async send(key, uploadId, body, wait) {
      const query = { partNumber: '1', uploadId };
      const { etag = '' } = await store.askHeaders(
        { ...of(key, uploadId), method: 'PUT', query, body },
        wait,
      );
      return etag;
    },
    async complete(key, id, etag, wait) {
      const part = `<Part><PartNumber>1</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`;
      const body = Buffer.from(`<CompleteMultipartUpload>${part}</CompleteMultipartUpload>`);
      await store.askXml({ ...of(key, id), method: 'POST', body }, wait);
    },
    async abort(key, id, wait) {
      await store.askHeaders({ ...of(key, id), method: 'DELETE', action: 'abort the upload of' }, wait);
    },
    async listParts(key, id, wait) {
      await store.askXml({ ...of(key, id), method: 'GET', action: 'list the parts of' }, wait);
    },
    async listUploads(below, wait) {
      const query = { uploads: '', prefix: prefix + below };
      const question = {
        action: 'list uploads of',
        method: 'GET',
        key: '',
        name: `${below}*`,
        query,
      } as const;
      await store.askXml(question, wait);
    },
    [Symbol.dispose]: () => store[Symbol.dispose](),
  };
}
