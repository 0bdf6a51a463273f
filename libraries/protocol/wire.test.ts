import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { WriteAction, WriteContentRequestSchema } from '@lade/protocol/content';
import {
  Kind,
  ListSnapshotsResponseSchema,
  PrepareSnapshotRequestSchema,
  Snapshots,
} from '@lade/protocol/snapshots';
import { DescriptorSchema, MountSchema } from './index.ts';

// Expected bytes are spelled out from the protobuf encoding rules: a tag is (field << 3 | wire type),
// wire type 0 = varint, 2 = length and bytes.

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function field(tag: string, text: string): string {
  return tag + Buffer.from([text.length]).toString('hex') + Buffer.from(text).toString('hex');
}

test('Mount puts type, source, target and options in fields 1 to 4', () => {
  const bytes = toBinary(
    MountSchema,
    create(MountSchema, { type: 'bind', source: '/a', target: 'b', options: ['ro', 'rbind'] }),
  );
  assert.equal(
    hex(bytes),
    field('0a', 'bind') + field('12', '/a') + field('1a', 'b') + field('22', 'ro') + field('22', 'rbind'),
  );
});

test('Descriptor keeps annotations in field 5 and a 64-bit size', () => {
  const bytes = toBinary(
    DescriptorSchema,
    create(DescriptorSchema, {
      mediaType: 'm',
      digest: 'd',
      size: 5_000_000_000n,
      annotations: { k: 'v' },
    }),
  );
  // 5,000,000,000 = 0x12a05f200, as groups of seven bits, lowest first: 00 64 17 50 12.
  assert.equal(
    hex(bytes),
    `${field('0a', 'm') + field('12', 'd')}1880e497d0122a06${field('0a', 'k')}${field('12', 'v')}`,
  );
});

test('PrepareSnapshotRequest is read as containerd writes it', () => {
  const bytes = Buffer.from(
    `${field('0a', 'lade') + field('12', 'default/1/x') + field('1a', 'p')}2206${field('0a', 'a')}${field('12', 'b')}`,
    'hex',
  );
  const request = fromBinary(PrepareSnapshotRequestSchema, bytes);
  assert.equal(request.snapshotter, 'lade');
  assert.equal(request.key, 'default/1/x');
  assert.equal(request.parent, 'p');
  assert.deepEqual({ ...request.labels }, { a: 'b' });
});

test('ListSnapshotsResponse carries kind and seconds where containerd looks for them', () => {
  const info = { name: 'n', kind: Kind.COMMITTED, createdAt: { seconds: 1n, nanos: 2 } };
  const bytes = toBinary(ListSnapshotsResponseSchema, create(ListSnapshotsResponseSchema, { info: [info] }));
  assert.equal(hex(bytes), `0a0b${field('0a', 'n')}1803220408011002`);
});

test('WriteContentRequest has the action in field 1 and raw data in field 6', () => {
  const bytes = toBinary(
    WriteContentRequestSchema,
    create(WriteContentRequestSchema, {
      action: WriteAction.COMMIT,
      ref: 'r',
      offset: 3n,
      data: Uint8Array.of(255, 0),
    }),
  );
  assert.equal(hex(bytes), `0802${field('12', 'r')}28033202ff00`);
});

test('the snapshots service has the full name that clients dial', () => {
  assert.equal(Snapshots.typeName, 'containerd.services.snapshots.v1.Snapshots');
  assert.deepEqual(
    Snapshots.methods.map((method) => method.name),
    ['Prepare', 'View', 'Mounts', 'Commit', 'Remove', 'Stat', 'Update', 'List', 'Usage', 'Cleanup'],
  );
});
