import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeIndexHead } from './index-object.ts';
import { imageDifference } from './layout-proof.ts';
import { LayerTree } from './layer-tree.ts';
import { encodeMetadata } from './metadata-image.ts';
import { openTestNode, variedTar, withMetadata } from './testing/test-layers.ts';
import { readLocalIndex } from './local-index.ts';

const ATTRIBUTES = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  modified: { seconds: 1, nanoseconds: 0 },
  xattrs: new Map(),
  sizeBytes: 0,
  storedBytes: 0,
  linkPath: '',
  device: { major: 0, minor: 0 },
  sparse: undefined,
};

function treeOf(path: string): LayerTree {
  const tree = new LayerTree();
  tree.add({ path, kind: 'file', ...ATTRIBUTES }, 0);
  return tree;
}

test('an encoder that makes the same wrong image here as it did for the index is found out by the decoder', async () => {
  await using node = await openTestNode();
  const converted = await readLocalIndex((await node.convert(variedTar(1))).folder);
  const { diffId, blobBytes } = converted.header;
  const image = encodeMetadata(treeOf('wrong'), diffId, blobBytes);
  const head = await withMetadata(converted, Buffer.concat([...image.pieces()]));
  const index = decodeIndexHead(head, 'index');
  assert.equal(await imageDifference(index, { tree: treeOf('wrong') }, image), undefined);
  assert.equal(
    await imageDifference(index, { tree: treeOf('right') }, image),
    'its metadata image has another "/right"',
  );
});
