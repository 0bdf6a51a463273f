import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { ReadContentRequestSchema } from '@lade/protocol/content';
import { ApplyRequestSchema } from '@lade/protocol/diff';
import { PrepareSnapshotRequestSchema } from '@lade/protocol/snapshots';
import { KnownTraces } from '@lade/tracing';
import { CallTraces, watchCalls } from './index.ts';

test('watchCalls() names a call as people do, with what it is about', () => {
  const told: unknown[] = [];
  const watch = watchCalls(new CallTraces(new KnownTraces()), (name, fields) => told.push([name, fields]));
  const chain = { 'containerd.io/snapshot.ref': 'sha256:c' };
  const requests = [
    ['snapshots', 'prepare', create(PrepareSnapshotRequestSchema, { key: 'k', parent: 'p', labels: chain })],
    ['content', 'read', create(ReadContentRequestSchema, { digest: 'sha256:d', offset: 4n, size: 5n })],
    ['diff', 'apply', create(ApplyRequestSchema, { diff: { digest: 'sha256:e' } })],
  ] as const;
  for (const [name, method, request] of requests) {
    const service = `containerd.services.${name}.v1.Any`;
    const subject = watch.subjectOf(request);
    watch.tell({ service, method, subject, namespace: 'n', ms: 1, code: 'aborted' });
  }
  const ended = { namespace: 'n', ms: 1, code: 'aborted' };
  assert.deepEqual(told, [
    ['snapshots.prepare', { key: 'k', parent: 'p', chainId: 'sha256:c', ...ended }],
    ['content.read', { digest: 'sha256:d', offset: 4, size: 5, ...ended }],
    ['diff.apply', { digest: 'sha256:e', ...ended }],
  ]);
});
