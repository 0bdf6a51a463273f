import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openBucket } from '@lade/bucket';
import { CodedError, redactSecrets } from '@lade/errors';
import { startObsStandIn } from '@lade/sandbox';

/** The bucket of a tour, which goes with it. */
export interface TourBucket extends AsyncDisposable {
  readonly url: string;
  /** The URL for people, without their credentials. */
  readonly shown: string;
}

/** Stores that are played on loopback, by the names that stand for their URLs. */
const PLAYED = {
  obs: '',
  s3: '&path-style=true&region=loopback',
} as const;
const KEY = { accessKeyId: 'tour', secretAccessKey: 'known-to-all' };
const environment = (name: string): string | undefined => process.env[name];

/**
 * A folder below `folder`, a store that is played there ("obs", "s3"), or a fresh prefix of the bucket that a URL names. Throws when
 * nothing can be put there.
 */
export async function openTourBucket(named: string | undefined, folder: string): Promise<TourBucket> {
  if (named === 'obs' || named === 's3') return playStore(named, folder);
  const url = new URL(named ?? `file://${folder}`);
  if (url.protocol === 'memory:')
    throw new CodedError('invalid_argument', 'Cannot tour memory: its nodes share nothing', {
      cure: 'Give the URL of a bucket or of a folder',
    });
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/lade-tour-${randomUUID()}`;
  const { href } = url;
  await using bucket = await openBucket(href, { environment });
  await bucket.conditionalPuts();
  const isFolder = url.protocol === 'file:';
  const dispose = isFolder
    ? async () => rm(fileURLToPath(url), { recursive: true })
    : async () => empty(href);
  return { url: href, shown: redactSecrets(href), [Symbol.asyncDispose]: dispose };
}

async function playStore(scheme: keyof typeof PLAYED, folder: string): Promise<TourBucket> {
  const objects = `${folder}/objects`;
  await mkdir(objects);
  const store = await startObsStandIn({ folder: objects, bucket: 'tour', ...KEY });
  const endpoint = `http://localhost:${store.address.split(':')[1]}`;
  const access = `access-key-id=${KEY.accessKeyId}&secret-access-key=${KEY.secretAccessKey}`;
  const url = `${scheme}://tour?endpoint=${endpoint}${PLAYED[scheme]}&${access}`;
  return { url, shown: url, [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose]() };
}

async function empty(url: string): Promise<void> {
  await using bucket = await openBucket(url, { environment });
  const keys = (await Array.fromAsync(bucket.list(''))).map(({ key }) => key);
  await bucket.delete(keys);
}
