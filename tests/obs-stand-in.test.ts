import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { Agent, request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { startObsStandIn, type ObsStandIn, type ObsStandInOptions } from '@lade/sandbox';
import ObsClient from 'esdk-obs-nodejs';

/* The stand-in for OBS, judged by the vendor's SDK, which signs and reads in its own way. */
const BUCKET = 'store';
const KEY = { accessKeyId: 'some-key', secretAccessKey: 'some-secret' };
/** To whom names below localhost lead, whatever this machine's resolver thinks of them. */
const agent = new Agent({
  lookup: (_name, options, found) =>
    options.all === true ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4),
});

type Mode = 'obs' | 'v2' | 'domain';

async function start(t: TestContext, options: Partial<ObsStandInOptions> = {}): Promise<ObsStandIn> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'lade-obs-'));
  const store = await startObsStandIn({ folder: folder.path, bucket: BUCKET, ...KEY, ...options });
  t.after(async () => {
    await store[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  return store;
}

async function openClient(
  { address }: ObsStandIn,
  mode: Mode,
  secret = KEY.secretAccessKey,
): Promise<ObsClient> {
  const port = address.split(':')[1];
  const client = new ObsClient({
    access_key_id: KEY.accessKeyId,
    secret_access_key: secret,
    server: `http://${mode === 'domain' ? 'images.test' : 'localhost'}:${port}`,
    signature: mode === 'obs' ? 'obs' : 'v2',
    path_style: mode === 'v2',
    is_cname: mode === 'domain',
    is_signature_negotiation: false,
    max_retry_count: 0,
    http_agent: agent,
  });
  // Its constructor goes on after it has returned.
  await new Promise(setImmediate);
  return client;
}

type Fields = Readonly<Record<string, unknown>>;

async function ask(asked: ReturnType<ObsClient['putObject']>, status = 200): Promise<Fields> {
  const { CommonMsg, InterfaceResult } = await asked;
  assert.equal(CommonMsg.Status, status, `${CommonMsg.Code} ${CommonMsg.Message}`);
  return InterfaceResult ?? {};
}

function keysOf(list: Fields): unknown[] {
  return (list['Contents'] as { Key: string }[]).map(({ Key }) => Key);
}

const body = (text: string): object => ({
  Body: Readable.from([Buffer.from(text)]),
  ContentLength: Buffer.byteLength(text),
});

for (const mode of ['obs', 'v2', 'domain'] as const) {
  test(`the SDK puts, reads, lists and deletes in its mode ${mode}`, async (t) => {
    const client = await openClient(await start(t, { domain: 'images.test' }), mode);
    const keys = ['a b/ü?&=#+', 'b', "c'(x)!*"];
    for (const Key of keys) await ask(client.putObject({ Bucket: BUCKET, Key, ...body(Key) }));
    for (const Key of keys) {
      const head = await ask(client.getObjectMetadata({ Bucket: BUCKET, Key }));
      assert.equal(head['ContentLength'], String(Buffer.byteLength(Key)));
      const got = await ask(client.getObject({ Bucket: BUCKET, Key, Range: 'bytes=0-0' }), 206);
      assert.equal(got['Content'], Key[0]);
    }
    const first = await ask(client.listObjects({ Bucket: BUCKET, MaxKeys: 2, EncodingType: 'url' }));
    assert.deepEqual(
      [keysOf(first), first['IsTruncated'], first['NextMarker']],
      [keys.slice(0, 2), 'true', 'b'],
    );
    const second = await ask(client.listObjects({ Bucket: BUCKET, Marker: 'b' }));
    assert.deepEqual([keysOf(second), second['IsTruncated']], [keys.slice(2), 'false']);
    const Objects = keys.slice(1).map((Key) => ({ Key }));
    await ask(client.deleteObjects({ Bucket: BUCKET, Objects, Quiet: true }));
    await ask(client.deleteObject({ Bucket: BUCKET, Key: 'never' }), 204);
    const left = await ask(client.listObjects({ Bucket: BUCKET, Prefix: 'a ' }));
    assert.deepEqual(keysOf(left), keys.slice(0, 1));
  });

  test(`the SDK uploads in parts in its mode ${mode}`, async (t) => {
    const store = await start(t, { domain: 'images.test' });
    const client = await openClient(store, mode);
    const target = { Bucket: BUCKET, Key: 'k' };
    const { UploadId } = await ask(client.initiateMultipartUpload({ ...target, StorageClass: 'WARM' }));
    const Parts = [];
    for (const [i, text] of ['one ', 'two'].entries()) {
      const part = { ...target, UploadId, PartNumber: i + 1, PartSize: text.length };
      const { ETag } = await ask(client.uploadPart({ ...part, ...body(text) }));
      Parts.push({ PartNumber: i + 1, ETag });
    }
    assert.equal(store.uploads().length, 1);
    const ongoing = await ask(client.listMultipartUploads({ Bucket: BUCKET, Prefix: 'k' }));
    const [{ Key, UploadId: id, Initiated } = {}] = ongoing['Uploads'] as Partial<Record<string, string>>[];
    assert.deepEqual([Key, id, Date.parse(Initiated ?? '') > 0], ['k', UploadId, true]);
    const none = await ask(client.listMultipartUploads({ Bucket: BUCKET, Prefix: 'other' }));
    assert.deepEqual(none['Uploads'], []);
    const page = await ask(client.listParts({ ...target, UploadId, MaxParts: 1 }));
    assert.deepEqual([page['IsTruncated'], page['NextPartNumberMarker']], ['true', '1']);
    const rest = await ask(client.listParts({ ...target, UploadId, PartNumberMarker: 1 }));
    const [part = {}] = rest['Parts'] as Partial<Record<string, string>>[];
    assert.deepEqual([part['PartNumber'], part['Size'], part['ETag']], ['2', '3', Parts[1]?.ETag]);
    assert.equal(rest['IsTruncated'], 'false');
    const wrong = { ...target, UploadId, Parts: Parts.slice(1) };
    await ask(client.completeMultipartUpload(wrong), 400);
    await ask(client.completeMultipartUpload({ ...target, UploadId, Parts }));
    assert.equal((await ask(client.getObject(target)))['Content'], 'one two');
    const head = await ask(client.getObjectMetadata(target));
    assert.equal(head['StorageClass'], mode === 'obs' ? 'WARM' : 'STANDARD_IA');
    const again = await ask(client.initiateMultipartUpload(target));
    await ask(client.abortMultipartUpload({ ...target, UploadId: again['UploadId'] }), 204);
    assert.deepEqual(store.uploads(), []);
  });

  test(`a wrong secret and a wrong clock are refused in the SDK's mode ${mode}`, async (t) => {
    const options = { domain: 'images.test' };
    const forger = await openClient(await start(t, options), mode, 'guessed');
    const target = { Bucket: BUCKET, Key: 'k' };
    assert.equal((await forger.getObject(target)).CommonMsg.Code, 'SignatureDoesNotMatch');
    const now = (): Date => new Date(Date.now() + 20 * 60_000);
    const late = await openClient(await start(t, { ...options, now }), mode);
    assert.equal((await late.getObject(target)).CommonMsg.Code, 'RequestTimeTooSkewed');
  });
}

test('an absent key, a missing bucket and damaged bytes are refused', async (t) => {
  const client = await openClient(await start(t), 'obs');
  const missing = await client.getObject({ Bucket: BUCKET, Key: 'none' });
  assert.deepEqual([missing.CommonMsg.Status, missing.CommonMsg.Code], [404, 'NoSuchKey']);
  const head = await client.getObjectMetadata({ Bucket: BUCKET, Key: 'none' });
  assert.deepEqual([head.CommonMsg.Status, head.CommonMsg.Code], [404, 'NoSuchKey']);
  const other = await client.listObjects({ Bucket: 'other' });
  assert.deepEqual([other.CommonMsg.Status, other.CommonMsg.Code], [404, 'NoSuchBucket']);
  const target = { Bucket: BUCKET, Key: 'k' };
  const damaged = await client.putObject({ ...target, ...body('x'), ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' });
  assert.equal(damaged.CommonMsg.Code, 'BadDigest');
  await ask(client.getObject(target), 404);
});

const SIGNERS = {
  obs: 'createV2SignedUrlSync',
  v2: 'createV2SignedUrlSync',
  v4: 'createV4SignedUrlSync',
} as const;

for (const [mode, sign] of Object.entries(SIGNERS) as [keyof typeof SIGNERS, (typeof SIGNERS)['v4']][]) {
  test(`URLs that the SDK signs by ${mode} are obeyed, with their headers, and no others`, async (t) => {
    const store = await start(t);
    const client = await openClient(store, mode === 'obs' ? 'obs' : 'v2');
    const send = async (method: string, tamper = ''): Promise<IncomingMessage> => {
      const target = { Method: method, Bucket: BUCKET, Key: 'a b/ü', Expires: 60 };
      const forbid = method === 'PUT' ? { 'x-obs-forbid-overwrite': 'true' } : {};
      const signed = client[sign]({ ...target, Headers: forbid });
      const headers = { ...signed.ActualSignedRequestHeaders };
      const sent = request(signed.SignedUrl + tamper, { method, headers, agent });
      sent.end(method === 'PUT' ? 'hello' : undefined);
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      return answer;
    };
    const statusOf = async (method: string, tamper?: string): Promise<number | undefined> => {
      const answer = await send(method, tamper);
      await answer.toArray();
      return answer.statusCode;
    };
    assert.equal(await statusOf('PUT'), 200);
    assert.equal(await statusOf('PUT'), 409);
    assert.equal(await statusOf('GET', 'A'), 403);
    assert.equal(await statusOf('GET', '&versionId=1'), 403);
    assert.equal((await (await send('GET')).toArray()).join(''), 'hello');
    assert.equal(await statusOf('DELETE'), 204);
  });
}
