import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  openFaultyProxy,
  startObsStandIn,
  startS3Server,
  startS3StandIn,
  unpackSet,
  type FaultyProxy,
  type ProxiedRequest,
} from '@lade/sandbox';
import { CACHE } from './programs.ts';

/** A store behind a proxy that sees every request, and what is unfinished in it. */
export interface UploadSite {
  readonly url: string;
  readonly proxy: FaultyProxy;
  /** The number of parts of each upload that is neither completed nor aborted. */
  unfinished(): Promise<readonly number[]>;
}

const KEY = { accessKeyId: 'anyone', secretAccessKey: 'anything' };
const KEY_PARAMETERS = `access-key-id=${KEY.accessKeyId}&secret-access-key=${KEY.secretAccessKey}`;
const BUCKET = 'uploads';

type Open = (t: TestContext) => Promise<UploadSite>;

async function openFolder(t: TestContext): Promise<string> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'lade-uploads-'));
  t.after(async () => folder[Symbol.asyncDispose]());
  return folder.path;
}

async function openProxy(t: TestContext, server: AsyncDisposable, address: string): Promise<FaultyProxy> {
  const proxy = await openFaultyProxy(address);
  t.after(async () => {
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  return proxy;
}

const openObs: Open = async (t) => {
  const store = await startObsStandIn({ folder: await openFolder(t), bucket: BUCKET, ...KEY });
  const proxy = await openProxy(t, store, store.address);
  const port = proxy.address.split(':')[1];
  return {
    url: `obs://${BUCKET}/below?endpoint=http://localhost:${port}&${KEY_PARAMETERS}`,
    proxy,
    unfinished: async () => store.uploads().map(({ parts }) => parts.size),
  };
};

function s3Url(proxy: FaultyProxy): string {
  return `s3://${BUCKET}/below?endpoint=http://${proxy.address}&path-style=true&${KEY_PARAMETERS}`;
}

const openS3: Open = async (t) => {
  const store = await startS3StandIn(await openFolder(t));
  const proxy = await openProxy(t, store, store.address);
  return {
    url: s3Url(proxy),
    proxy,
    unfinished: async () => store.uploads().map(({ parts }) => parts.size),
  };
};

const openMoto: Open = async (t) => {
  const { folder: packages } = await unpackSet('moto', { cacheFolder: CACHE, log: () => {} });
  const server = await startS3Server({ packages, folder: await openFolder(t) });
  const proxy = await openProxy(t, server, new URL(server.endpoint).host);
  await fetch(`${server.endpoint}/${BUCKET}`, { method: 'PUT' });
  const ask = async (path: string): Promise<string> =>
    (await fetch(`${server.endpoint}/${BUCKET}${path}`)).text();
  const partsOf = async (upload: string): Promise<number> => {
    const [, key = ''] = /<Key>(.*?)<\/Key>/.exec(upload) ?? [];
    const [, id = ''] = /<UploadId>(.*?)<\/UploadId>/.exec(upload) ?? [];
    const parts = await ask(`/${key}?uploadId=${encodeURIComponent(id)}`);
    return [...parts.matchAll(/<PartNumber>/g)].length;
  };
  return {
    url: s3Url(proxy),
    proxy,
    unfinished: async () => {
      const uploads = [...(await ask('?uploads')).matchAll(/<Upload>.*?<\/Upload>/gs)];
      return Promise.all(uploads.map(async ([upload]) => partsOf(upload)));
    },
  };
};

export const UPLOAD_SITES = { obs: openObs, s3: openS3, moto: openMoto } as const;

/** The number of the part that a request sends; undefined for any other. */
export function partOf({ method, path }: ProxiedRequest): number | undefined {
  const number = new URLSearchParams(path.split('?')[1]).get('partNumber');
  return method === 'PUT' && number !== null ? Number(number) : undefined;
}
