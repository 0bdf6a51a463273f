import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { chainId, digestOf } from '@lade/oci';
import { NO_CHAIN_KEYS, parseChainKey, type ChainKeys } from './chain-record.ts';
import { chainKey } from './object-keys.ts';
import { publishChain } from './publish-chain.ts';
import { readChainRecord } from './read-layer.ts';
import { watchPuts } from './testing/test-layers.ts';

const RECORD = {
  parent: digestOf('parent'),
  diffId: digestOf('layer'),
  index: digestOf('index'),
  indexHeadBytes: 812,
};
const CHAIN = chainId(RECORD.parent, RECORD.diffId);

function newKeys(): Required<ChainKeys> {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  const { signer, trusted } = parseChainKey(pem.toString(), 'key');
  assert.ok(signer);
  return { signer, trusted: [trusted] };
}

/** How many times publishing wrote. */
async function publish(bucket: Bucket, keys: ChainKeys, record = RECORD): Promise<number> {
  let puts = 0;
  const counting = watchPuts(bucket, () => puts++);
  await publishChain(counting, CHAIN, record, { keys });
  return puts;
}

test('a record is published once, and again only when it says something else', async () => {
  await using bucket = await openBucket('memory:');
  assert.equal(await publish(bucket, NO_CHAIN_KEYS), 1);
  assert.equal(await publish(bucket, NO_CHAIN_KEYS), 1, 'only the attempt to be the first');
  const newer = { ...RECORD, index: digestOf('newer') };
  await publish(bucket, NO_CHAIN_KEYS, newer);
  assert.deepEqual(await readChainRecord(bucket, CHAIN, NO_CHAIN_KEYS), newer);
});

test('a damaged record is replaced, however it is damaged', async () => {
  for (const damaged of [Buffer.alloc(0), Buffer.from('{}'), Buffer.alloc(1 << 20, 'x')]) {
    await using bucket = await openBucket('memory:');
    await bucket.put(chainKey(CHAIN), damaged);
    await assert.rejects(readChainRecord(bucket, CHAIN, NO_CHAIN_KEYS), { code: 'data_loss' });
    await publish(bucket, NO_CHAIN_KEYS);
    assert.deepEqual(await readChainRecord(bucket, CHAIN, NO_CHAIN_KEYS), RECORD);
  }
});

test('a signing node makes an unsigned or foreign record a trusted one', async () => {
  const [ours, theirs] = [newKeys(), newKeys()];
  for (const before of [NO_CHAIN_KEYS, theirs]) {
    await using bucket = await openBucket('memory:');
    await publish(bucket, before);
    await assert.rejects(readChainRecord(bucket, CHAIN, ours), { code: 'unauthenticated' });
    await publish(bucket, ours);
    assert.deepEqual(await readChainRecord(bucket, CHAIN, ours), RECORD);
  }
});

test('a node that cannot sign leaves the signature of another one alone', async () => {
  const theirs = newKeys();
  for (const keys of [NO_CHAIN_KEYS, { trusted: newKeys().trusted }]) {
    await using bucket = await openBucket('memory:');
    await publish(bucket, theirs);
    await publish(bucket, keys);
    assert.deepEqual(await readChainRecord(bucket, CHAIN, theirs), RECORD);
  }
});
