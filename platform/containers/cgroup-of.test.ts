import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupOf } from './index.ts';

const of = (cgroupsPath?: unknown): unknown => cgroupOf({ linux: { cgroupsPath } });

test('a control group is the path of the spec, or the unit that systemd makes of it', () => {
  assert.equal(of('/default/c'), '/default/c');
  assert.equal(of('kubepods-pod1.slice:cri-containerd:abc'), 'cri-containerd-abc.scope');
  assert.equal(of(':docker:abc'), 'docker-abc.scope');
  assert.equal(of('a.slice::abc'), 'abc.scope');
  assert.equal(of('a.slice:x:b.slice'), 'b.slice');
});

test('a spec that does not say leaves it open', () => {
  for (const spec of [undefined, {}, { linux: {} }, { linux: { cgroupsPath: 7 } }])
    assert.equal(cgroupOf(spec), undefined);
  assert.equal(of(''), undefined);
});
