import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { Compression } from '@lade/compression';
import { digestOf, type Digest } from '@lade/oci';
import { collectBytes, type ByteSource } from '@lade/streams';
import { createLayer, type CreateOptions } from './create-layer.ts';
import { XATTRS, tarOf } from './testing/read-tar.ts';

const UNPACK = {
  none: (bytes: Uint8Array) => Buffer.from(bytes),
  gzip: gunzipSync,
  zstd: zstdDecompressSync,
};
const EPOCH_NS = 1_000_000_000n;

interface Converted extends Disposable {
  readonly diffId: Digest;
  readonly tar: Uint8Array;
}

/** Keeps what it is given in memory. */
class Store {
  bytes = Buffer.alloc(0);
  labels: Readonly<Record<string, string>> = {};
  disposed = 0;

  async write(bytes: ByteSource, labels: () => Promise<Readonly<Record<string, string>>>): Promise<Stored> {
    this.bytes = Buffer.from(await collectBytes(bytes, Infinity));
    this.labels = await labels();
    return { digest: digestOf(this.bytes), sizeBytes: this.bytes.byteLength };
  }

  async convert(tar: ByteSource, diffId: () => Promise<Digest>): Promise<Converted> {
    const bytes = await collectBytes(tar, Infinity);
    return { tar: bytes, diffId: await diffId(), [Symbol.dispose]: () => void this.disposed++ };
  }
}

type Stored = Awaited<ReturnType<CreateOptions<Converted>['content']['write']>>;

async function makeTree(t: TestContext): Promise<string> {
  const { path } = await mkdtempDisposable(join(tmpdir(), 'lade-layer-'));
  t.after(() => rmSync(path, { recursive: true }));
  mkdirSync(join(path, 'a'));
  writeFileSync(join(path, 'a/large'), randomBytes(3_000_000));
  writeFileSync(join(path, 'a/zeros'), Buffer.alloc(5_000_000));
  return path;
}

function optionsFor(store: Store, changes: Partial<CreateOptions<Converted>> = {}): CreateOptions<Converted> {
  return {
    xattrs: XATTRS,
    modifiedUntilNs: EPOCH_NS,
    compression: 'gzip',
    labels: { asked: 'for' },
    content: store,
    convert: async (tar, { diffId }) => store.convert(tar, diffId),
    signal: new AbortController().signal,
    ...changes,
  };
}

for (const compression of Object.keys(UNPACK) as Compression[]) {
  test(`createLayer() stores and converts one tar, packed as ${compression}, each time the same`, async (t) => {
    const directory = await makeTree(t);
    const tar = await tarOf({ directory }, { modifiedUntilNs: EPOCH_NS });
    const digests = [];
    for (let run = 0; run < 2; run++) {
      const store = new Store();
      const layer = await createLayer({ directory }, optionsFor(store, { compression }));
      assert.ok(UNPACK[compression](store.bytes).equals(tar));
      assert.equal(layer.diffId, digestOf(tar));
      assert.deepEqual([layer.tarBytes, layer.sizeBytes], [tar.byteLength, store.bytes.byteLength]);
      const label = compression === 'none' ? {} : { 'containerd.io/uncompressed': digestOf(tar) };
      assert.deepEqual(store.labels, { asked: 'for', ...label });
      assert.ok(layer.converted.status === 'fulfilled');
      assert.ok(tar.equals(layer.converted.value.tar));
      assert.equal(layer.converted.value.diffId, layer.diffId);
      assert.equal(store.disposed, 0);
      digests.push(layer.digest);
    }
    assert.equal(digests[0], digests[1]);
  });
}

test('a layer is made though it cannot be converted', async (t) => {
  const directory = await makeTree(t);
  const failure = new Error('too large');
  for (const convert of [
    async () => Promise.reject(failure),
    async (tar: ByteSource) => {
      for await (const _ of tar) throw failure;
      throw new Error('nothing came');
    },
  ]) {
    const store = new Store();
    const layer = await createLayer({ directory }, optionsFor(store, { convert }));
    assert.deepEqual(layer.converted, { status: 'rejected', reason: failure });
    assert.equal(digestOf(gunzipSync(store.bytes)), layer.diffId);
  }
});

test('a layer that cannot be stored is not converted either', async (t) => {
  const directory = await makeTree(t);
  const failure = new Error('store is full');
  for (const write of [
    async () => Promise.reject(failure),
    async (bytes: ByteSource) => {
      for await (const _ of bytes) throw failure;
      throw new Error('nothing came');
    },
  ]) {
    const store = new Store();
    const reasons: unknown[] = [];
    const convert: CreateOptions<Converted>['convert'] = async (tar, { signal }) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      for await (const _ of tar) signal.throwIfAborted();
      throw new Error('came to the end');
    };
    await assert.rejects(
      createLayer({ directory }, optionsFor(store, { content: { write }, convert })),
      failure,
    );
    assert.deepEqual(reasons, [failure]);
  }
});

test('what was converted is let go when its storing fails at the end', async (t) => {
  const directory = await makeTree(t);
  const failure = new Error('not committed');
  const store = new Store();
  const write = async (bytes: ByteSource): Promise<Stored> => {
    await collectBytes(bytes, Infinity);
    await new Promise((resolve) => setTimeout(resolve, 50));
    throw failure;
  };
  await assert.rejects(createLayer({ directory }, optionsFor(store, { content: { write } })), failure);
  assert.equal(store.disposed, 1);
});

test('changes that cannot be read make no layer', async () => {
  const store = new Store();
  await assert.rejects(createLayer({ directory: '/nonexistent' }, optionsFor(store)), /ENOENT/);
});
