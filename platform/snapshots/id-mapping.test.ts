import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { idMappingOf, mapOwner } from './id-mapping.ts';

const UIDS = 'containerd.io/snapshot/uidmapping';
const GIDS = 'containerd.io/snapshot/gidmapping';
const SOUND = '0:100000:65536';

test('a mapping comes from both labels', () => {
  assert.equal(idMappingOf({ other: 'label' }), undefined);
  const mapping = idMappingOf({ [UIDS]: SOUND, [GIDS]: '5:7:1,0:200000:5' });
  assert.deepEqual(mapping, { uids: SOUND, gids: '5:7:1,0:200000:5' });
});

test('owners are mapped; root stands in for one that is left out', () => {
  const mapping = { uids: '0:100000:10,10:5:2', gids: SOUND };
  assert.deepEqual(mapOwner({ uid: 0, gid: 0 }, mapping), { uid: 100_000, gid: 100_000 });
  assert.deepEqual(mapOwner({ uid: 11, gid: 4 }, mapping), { uid: 6, gid: 100_004 });
  assert.deepEqual(mapOwner({ uid: 12, gid: 65_536 }, mapping), { uid: 100_000, gid: 100_000 });
});

test('nonsense is refused, naming the label and what would do', () => {
  const nonsense = [
    '',
    '0:1',
    '0:1:2:3',
    '-1:-1:-2',
    '0:100000:0',
    'a:b:c',
    ' 0:1:2',
    '0:1:2,',
    '0:1:2,1:9:2',
    '0:1:2,5:2:2',
    '1:100000:65536',
    '0:4294967294:2',
    '0:1:99999999999999999999',
    Array.from({ length: 341 }, (_, i) => `${i}:${i}:1`).join(','),
  ];
  for (const text of nonsense) {
    for (const [bad, other] of [
      [UIDS, GIDS],
      [GIDS, UIDS],
    ] as const) {
      const isRefused = (reason: unknown): boolean =>
        isCodedError(reason, 'invalid_argument') && reason.message.includes(bad) && reason.cure !== undefined;
      assert.throws(() => idMappingOf({ [bad]: text, [other]: SOUND }), isRefused, text);
    }
  }
  for (const alone of [UIDS, GIDS])
    assert.throws(
      () => idMappingOf({ [alone]: SOUND }),
      (e) => isCodedError(e, 'invalid_argument'),
    );
});
