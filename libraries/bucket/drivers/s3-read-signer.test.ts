import assert from 'node:assert/strict';
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { test } from 'node:test';
import type { Credentials } from '@lade/credentials';
import { SignatureV4 } from '@smithy/signature-v4';
import { createReadSigner, type S3ReadSigner } from './s3-read-signer.ts';

/* Against the signer of the SDK, and against the example of AWS's own documentation. */

type S3Read = Parameters<S3ReadSigner>[0];

const REGIONS = ['us-east-1', 'cn-north-4', ''];
const HOSTS = ['lade.s3.us-east-1.amazonaws.com', '127.0.0.1:9000', '[::1]:9000'];
const PATHS = [
  '/lade/object',
  '/packs/sha256/0a1b',
  '/lade/p/a%20b/%E6%A1%B6/%21%27%28%29%2A',
  '/lade/a%2Bb=c&d~e._-/%25',
];
const RANGES = [undefined, 'bytes=0-', 'bytes=1048576-2097151'];
const DATES = ['2026-11-26T00:00:00.000Z', '2026-11-26T23:59:59.999Z', '2026-11-27T00:00:00.001Z'];
const CREDENTIALS: readonly Credentials[] = [
  { accessKeyId: 'AKIA1', secretAccessKey: 'one' },
  { accessKeyId: 'AKIA1', secretAccessKey: 'renewed/with+signs=' },
  { accessKeyId: 'AKIA2', secretAccessKey: 'one', sessionToken: 'IQoJb3JpZ2luX2Vj//8aCXVz+==' },
  { accessKeyId: 'AKIA2', secretAccessKey: 'one', sessionToken: '' },
];

/** What the SDK's signer hashes with. */
class NodeHash {
  readonly #hash: Hash | Hmac;

  constructor(secret?: unknown) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Uint8Array);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    assert.fail('nothing is hashed twice');
  }
}

async function signedBySdk(
  region: string,
  { host, path, range, date }: S3Read,
  credentials: Credentials,
): Promise<Readonly<Record<string, string>>> {
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials,
    uriEscapePath: false,
    sha256: NodeHash,
  });
  const headers = { host, ...(range === undefined ? {} : { range }) };
  const request = { method: 'GET', protocol: 'http:', hostname: host, path, headers };
  return (await signer.sign(request, { signingDate: date })).headers;
}

/** Every read with every kind of credentials, so that each follows another whose key it must not take. */
function* reads(): Generator<[S3Read, Credentials]> {
  for (const host of HOSTS)
    for (const path of PATHS)
      for (const range of RANGES)
        for (const time of DATES)
          for (const credentials of CREDENTIALS)
            yield [{ host, path, range, date: new Date(time) }, credentials];
}

for (const region of REGIONS) {
  test(`reads in region "${region}" are signed as the SDK signs them`, async () => {
    const sign = createReadSigner(region);
    for (const [read, credentials] of reads()) {
      const told = `${JSON.stringify(read)} with ${credentials.secretAccessKey}`;
      assert.deepEqual(sign(read, credentials), await signedBySdk(region, read, credentials), told);
    }
  });
}

test('a signature is the one that AWS gives for the object of its example', () => {
  const sign = createReadSigner('us-east-1');
  const { authorization } = sign(
    {
      host: 'examplebucket.s3.amazonaws.com',
      path: '/test.txt',
      range: 'bytes=0-9',
      date: new Date('2013-05-24T00:00:00Z'),
    },
    { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
  );
  assert.equal(
    authorization,
    'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
      'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, ' +
      'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  );
});
