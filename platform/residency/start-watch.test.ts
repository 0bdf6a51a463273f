import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlockBits } from '@lade/block-bits';
import { StartWatch } from './start-watch.ts';

const MIB = 1 << 20;
const SIZE = 200 * MIB;

test('a start is over when much of the layer has been read, long before its time', async () => {
  const bits = new BlockBits(SIZE);
  const watch = new StartWatch();
  void watch.follow(bits, SIZE, 60_000);
  watch.noticeRead();
  bits.touched.set(0, 63 * MIB);
  assert.equal(await Promise.race([watch.over.then(() => 'over'), sleep(600, 'not yet')]), 'not yet');
  bits.touched.set(100 * MIB, 101 * MIB);
  await watch.over;
});
