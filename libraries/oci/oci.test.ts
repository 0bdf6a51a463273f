import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import {
  Digester,
  chainIds,
  digestOf,
  isLayerType,
  parseDigest,
  parseImageConfig,
  parseManifest,
} from './index.ts';

const EMPTY = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

test('digestOf() and Digester agree with the well-known digest of nothing', () => {
  assert.equal(digestOf(new Uint8Array()), EMPTY);
  assert.equal(new Digester().finish(), EMPTY);
});

test('parseDigest() accepts only lower-case sha256', () => {
  assert.equal(parseDigest(EMPTY), EMPTY);
  for (const bad of ['', 'sha256:', EMPTY.toUpperCase(), `${EMPTY}0`, 'sha512:ab', '../../etc']) {
    assert.throws(
      () => parseDigest(bad),
      (e) => isCodedError(e, 'invalid_argument'),
    );
  }
});

test('chainIds() starts with the diff id and hashes "parent child" from there', () => {
  const a = digestOf('a');
  const b = digestOf('b');
  assert.deepEqual(chainIds([a, b]), [a, digestOf(`${a} ${b}`)]);
});

test('isLayerType() knows the tar family of both vendors', () => {
  for (const type of [
    'application/vnd.oci.image.layer.v1.tar',
    'application/vnd.oci.image.layer.v1.tar+zstd',
    'application/vnd.docker.image.rootfs.diff.tar.gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  ])
    assert.ok(isLayerType(type), type);
  assert.ok(!isLayerType('application/vnd.oci.image.config.v1+json'));
  assert.ok(!isLayerType('application/vnd.example.tarball'));
});

test('parsers name the object that they refuse', () => {
  const bytes = Buffer.from('{"config":{}}');
  assert.throws(() => parseManifest(bytes, digestOf(bytes)), new RegExp(`manifest ${digestOf(bytes)}`));
  assert.throws(() => parseImageConfig(Buffer.from('nope'), digestOf('nope')), /not JSON/);
});
