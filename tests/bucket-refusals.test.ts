import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { openBucket, type Bucket } from '@lade/bucket';
import { isCodedError, type ErrorCode } from '@lade/errors';
import { startObsStandIn, type ObsStandInOptions } from '@lade/sandbox';
import { startTlsFront } from './tls-front.ts';

/* What a person who has set something up wrongly is told: what was attempted on which object of which bucket, why it failed, and the cure. */
const KEY = { accessKeyId: 'some-key', secretAccessKey: 'some/secret+' };
const MINUTES = 60_000;
const BODY = Buffer.from('x');

/** The dialects of the service, each with a driver that speaks it. */
const SCHEMES = {
  obs: '',
  'obs with V4': 'signature=v4&region=somewhere',
  s3: 'path-style=true&region=somewhere',
} as const;

type Scheme = keyof typeof SCHEMES;

interface Trouble {
  readonly store?: Partial<ObsStandInOptions>;
  readonly parameters?: Readonly<Record<string, string>>;
  /** Gives the endpoint, in place of the store's one. */
  readonly endpoint?: (store: string, stack: AsyncDisposableStack) => Promise<string>;
  readonly code: ErrorCode;
  readonly says: RegExp;
  readonly cure: RegExp;
  /**
   * Whose users never see it; default: nobody. The SDK of S3 takes over the clock of the store, and what is signed by OBS's own way says only
   * when it is over.
   */
  readonly unknownTo?: readonly Scheme[];
}

const TROUBLES: Readonly<Record<string, Trouble>> = {
  'a wrong access key': {
    parameters: { 'access-key-id': 'another-key' },
    code: 'unauthenticated',
    says: /does not exist in our records/,
    cure: /^Check the access key id/,
  },
  'a wrong secret': {
    parameters: { 'secret-access-key': 'guessed' },
    code: 'unauthenticated',
    says: /does not match the signature/,
    cure: /^Check the secret access key/,
  },
  'credentials that may not put': {
    store: { refuses: (method) => (method === 'PUT' ? 'accessDenied' : undefined) },
    code: 'permission_denied',
    says: /Access Denied/,
    cure: /^Allow get, put, list and delete on the bucket/,
  },
  'a bucket that is not there': {
    store: { bucket: 'other' },
    code: 'failed_precondition',
    says: /bucket does not exist/,
    cure: /^Create the bucket, or correct its name/,
  },
  'a wrong region': {
    store: { refuses: () => 'wrongRegion' },
    code: 'invalid_argument',
    says: /region/,
    cure: /region in the bucket URL/,
  },
  'the endpoint of another region': {
    store: { refuses: () => 'elsewhere' },
    code: 'invalid_argument',
    says: /specified endpoint/,
    cure: /^Correct .*endpoint.* in the bucket URL/,
  },
  'a clock that is 20 minutes behind': {
    store: { now: () => new Date(Date.now() + 20 * MINUTES) },
    code: 'failed_precondition',
    says: /clock is 20 minutes behind/,
    cure: /^Set the clock of this machine/,
    unknownTo: ['s3'],
  },
  'a clock that is 20 minutes ahead': {
    store: { now: () => new Date(Date.now() - 20 * MINUTES) },
    code: 'failed_precondition',
    says: /clock is 20 minutes ahead/,
    cure: /^Set the clock of this machine/,
    unknownTo: ['obs', 's3'],
  },
  'a session that is over': {
    parameters: { 'session-token': 'some-token' },
    store: {
      keys: () => {
        const { accessKeyId, secretAccessKey } = KEY;
        const over = { secretAccessKey, sessionToken: 'some-token', expiresAt: new Date(0) };
        return new Map([[accessKeyId, over]]);
      },
    },
    code: 'unauthenticated',
    says: /token (?:has expired|is invalid)/,
    cure: /^Renew the (?:session|temporary) credentials/,
  },
  'a web server with a page for everything': {
    endpoint: async (_store, stack) => startWebServer(stack, 200),
    code: 'failed_precondition',
    says: /the answer has no ETag/,
    cure: /^Correct the endpoint .* no object store/,
  },
  'a web server that finds nothing': {
    endpoint: async (_store, stack) => startWebServer(stack, 404),
    code: 'failed_precondition',
    says: /HTTP 404 with a web page/,
    cure: /^Correct the endpoint .* no object store/,
  },
  'a port that nobody listens on': {
    endpoint: async () => {
      await using stack = new AsyncDisposableStack();
      return await startWebServer(stack, 200);
    },
    code: 'unavailable',
    says: /ECONNREFUSED/,
    cure: /^Check the endpoint/,
  },
  'a certificate that nobody vouches for': {
    endpoint: async (store, stack) => `https://localhost:${portOf((await front(store, stack)).address)}`,
    code: 'unavailable',
    says: /self-signed certificate/,
    cure: /NODE_EXTRA_CA_CERTS/,
  },
  'the certificate of another name': {
    endpoint: async (store, stack) => {
      const { address, certificate } = await front(store, stack);
      const before = getCACertificates('default');
      stack.defer(() => setDefaultCACertificates(before));
      setDefaultCACertificates([certificate]);
      return `https://localhost:${portOf(address)}`;
    },
    code: 'unavailable',
    says: /altnames|does not match/,
    cure: /name in the endpoint/,
  },
};

for (const scheme of Object.keys(SCHEMES) as Scheme[]) {
  for (const [what, trouble] of Object.entries(TROUBLES)) {
    test(`${scheme}: ${what}`, async () => {
      await using stack = new AsyncDisposableStack();
      const bucket = await openIn(trouble, scheme, stack);
      if (trouble.unknownTo?.includes(scheme)) {
        await bucket.put('the/key', BODY);
        return;
      }
      if (trouble.cure.source.includes('no object store')) {
        await assert.rejects(Array.fromAsync(bucket.list('')), isNoStoreError);
        await assert.rejects(bucket.get('the/key'), isNoStoreError);
      }
      await assert.rejects(bucket.put('the/key', BODY), (reason) => {
        assert.ok(isCodedError(reason), String(reason));
        assert.equal(reason.code, trouble.code, reason.message);
        assert.match(reason.message, /^Cannot put the\/key in (?:obs|s3):\/\/images\/prefix\/: /);
        assert.match(reason.message, trouble.says);
        assert.match(reason.cure ?? '', trouble.cure);
        return true;
      });
    });
  }
}

/** The bucket as it is in trouble, on a store of its own. */
async function openIn(
  { store: options, endpoint, parameters }: Trouble,
  scheme: Scheme,
  stack: AsyncDisposableStack,
): Promise<Bucket> {
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-refusals-')));
  const place = { folder: folder.path, bucket: 'images', ...KEY, ...options };
  const store = stack.use(await startObsStandIn(place));
  const url = new URL(`${scheme.slice(0, 3).trim()}://images/prefix?${SCHEMES[scheme]}`);
  const given = {
    endpoint: (await endpoint?.(store.address, stack)) ?? `http://localhost:${portOf(store.address)}`,
    'access-key-id': KEY.accessKeyId,
    'secret-access-key': KEY.secretAccessKey,
    ...parameters,
  };
  for (const [name, value] of Object.entries(given)) url.searchParams.set(name, value);
  return stack.use(await openBucket(url.href));
}

function isNoStoreError(reason: unknown): boolean {
  return isCodedError(reason, 'failed_precondition') && /no object store/.test(reason.cure ?? '');
}

function portOf(address: string): string {
  return address.split(':')[1] ?? '';
}

async function front(store: string, stack: AsyncDisposableStack): ReturnType<typeof startTlsFront> {
  return stack.use(await startTlsFront(store));
}

/** Answers everything with a page, as a web server or the console of a store does. */
async function startWebServer(stack: AsyncDisposableStack, status: number): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response
      .writeHead(status, { 'content-type': 'text/html' })
      .end('<!DOCTYPE html>\n<html><body>Hello</body></html>');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  stack.defer(async () => {
    server.closeAllConnections();
    await server[Symbol.asyncDispose]();
  });
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}
