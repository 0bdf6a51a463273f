import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from '@lade/errors';
import { digestOf, type Digest } from '@lade/oci';
import type { InspectedLayer } from '@lade/residency';
import { lookForUnseen } from './unseen-layers.ts';

test('layers that are silent or not mounted are unseen, empty and missing ones are not, and each is looked at once', async () => {
  const [silent, asked, unmounted, empty, gone] = ['silent', 'asked', 'unmounted', 'empty', 'gone'].map(
    (name) => digestOf(name),
  ) as [Digest, Digest, Digest, Digest, Digest];
  const looked: Digest[] = [];
  const unseenOf = lookForUnseen({
    async inspect(diffId) {
      looked.push(diffId);
      if (diffId === gone) throw new CodedError('not_found', 'Cannot find it');
      const served = diffId === unmounted || diffId === empty ? undefined : { isSilent: diffId === silent };
      return {
        row: { blobBytes: diffId === empty ? 0 : 7 },
        served,
      } as Partial<InspectedLayer> as InspectedLayer;
    },
  });
  assert.deepEqual(await unseenOf([silent, asked, unmounted, empty, gone]), [silent, unmounted]);
  assert.deepEqual(await unseenOf([asked, silent]), [silent]);
  assert.deepEqual(looked, [silent, asked, unmounted, empty, gone]);
});
