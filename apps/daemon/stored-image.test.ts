import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBucket } from '@lade/bucket';
import { imageKey } from '@lade/images';
import { digestOf, type Descriptor, type Digest } from '@lade/oci';
import { nameInBucket, readStoredImage } from './stored-image.ts';

const NAME = 'docker.io/library/python:3.12';
const LAYERS = ['base', 'app'].map((name) => digestOf(name));

/** An image of two layers, as this node's containerd would have it. */
function imageHere(): { readonly target: Descriptor; readonly documents: ReadonlyMap<Digest, Uint8Array> } {
  const documents = new Map<Digest, Uint8Array>();
  const add = (mediaType: string, document: object): Descriptor => {
    const bytes = Buffer.from(JSON.stringify(document));
    const digest = digestOf(bytes);
    documents.set(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  };
  const config = add('application/vnd.oci.image.config.v1+json', {
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: LAYERS },
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const layers = LAYERS.map((digest) => ({
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    digest,
    size: 1,
  }));
  return { target: add(mediaType, { schemaVersion: 2, mediaType, config, layers }), documents };
}

test('nameInBucket() takes the name as it stands before the full one that it means', async () => {
  await using bucket = await openBucket('memory:');
  const { signal } = new AbortController();
  assert.equal(await nameInBucket('python:3.12', bucket, signal), undefined);
  await bucket.put(imageKey(NAME), Buffer.from('x'));
  assert.equal(await nameInBucket('python:3.12', bucket, signal), NAME);
  await bucket.put(imageKey('python:3.12'), Buffer.from('x'));
  assert.equal(await nameInBucket('python:3.12', bucket, signal), 'python:3.12');
});

test('readStoredImage() says of an image whose upload goes on that one has to wait, and of others to pull them', async () => {
  await using bucket = await openBucket('memory:');
  const { target, documents } = imageHere();
  const waiting = new Set(LAYERS);
  const places = {
    bucket,
    node: {
      async *images() {
        yield { namespace: 'default', name: NAME, target };
      },
      readDocument: async (digest: Digest) => documents.get(digest),
    },
    layers: { has: () => true },
    uploads: { isWaiting: (diffId: Digest) => waiting.has(diffId) },
    signal: new AbortController().signal,
  };
  const refused = (message: RegExp, cure: RegExp) => (error: { message: string; cure: string }) =>
    message.test(error.message) && cure.test(error.cure);
  const wait = /Wait until it is uploaded; lade status/;
  await assert.rejects(
    readStoredImage('python:3.12', places),
    refused(/python:3\.12 in memory:.*: 2 of its 2 layers are still to be uploaded/, wait),
  );
  waiting.clear();
  await assert.rejects(
    readStoredImage('python:3.12', places),
    refused(/its record is about to be put/, wait),
  );
  await assert.rejects(readStoredImage('python:4', places), refused(/Cannot find image python:4/, /Pull it/));
  const elsewhere = { ...places, layers: { has: () => false } };
  await assert.rejects(readStoredImage('python:3.12', elsewhere), refused(/Cannot find image/, /Pull it/));
});
