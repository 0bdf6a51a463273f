import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { chainId, digestOf } from '@lade/oci';
import {
  NO_CHAIN_KEYS,
  decodeChainRecord,
  encodeChainRecord,
  parseChainKey,
  type ChainKeys,
} from './chain-record.ts';

const RECORD = {
  parent: digestOf('parent'),
  diffId: digestOf('layer'),
  index: digestOf('index'),
  indexHeadBytes: 812,
};
const CHAIN = chainId(RECORD.parent, RECORD.diffId);

function newKeys(): ChainKeys {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { signer, trusted } = parseChainKey(
    privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'key',
  );
  return { ...(signer ? { signer } : {}), trusted: [trusted] };
}

test('a chain record survives encoding, signed or not, with and without a parent', () => {
  for (const keys of [NO_CHAIN_KEYS, newKeys()]) {
    assert.deepEqual(decodeChainRecord(encodeChainRecord(RECORD, keys), CHAIN, keys), RECORD);
  }
  const base = { ...RECORD, parent: undefined };
  assert.deepEqual(
    decodeChainRecord(encodeChainRecord(base, NO_CHAIN_KEYS), RECORD.diffId, NO_CHAIN_KEYS),
    base,
  );
});

test('a node with trusted keys takes no record that they have not signed', () => {
  const ours = newKeys();
  for (const theirs of [NO_CHAIN_KEYS, newKeys()]) {
    const bytes = encodeChainRecord(RECORD, theirs);
    assert.throws(
      () => decodeChainRecord(bytes, CHAIN, ours),
      (e) => isCodedError(e, 'unauthenticated'),
    );
  }
  const moved = encodeChainRecord(RECORD, ours).toString().replace(RECORD.index, digestOf('other'));
  assert.throws(
    () => decodeChainRecord(Buffer.from(moved), CHAIN, ours),
    (e) => isCodedError(e, 'unauthenticated'),
  );
});

test('a record of another chain, a damaged and a newer one are refused by name', () => {
  const bytes = encodeChainRecord(RECORD, NO_CHAIN_KEYS);
  const other = digestOf('other');
  assert.throws(
    () => decodeChainRecord(bytes, other, NO_CHAIN_KEYS),
    (e) => isCodedError(e, 'data_loss') && e.message.includes(other),
  );
  for (const text of [
    '',
    '{}',
    'null',
    '{"payload":"{","signatures":[]}',
    bytes.toString().replace('sha256:', 'sha1:'),
  ]) {
    assert.throws(
      () => decodeChainRecord(Buffer.from(text), CHAIN, NO_CHAIN_KEYS),
      (e) => isCodedError(e, 'data_loss'),
    );
  }
  const newer = bytes.toString().replace(String.raw`\"version\":1`, String.raw`\"version\":2`);
  assert.throws(
    () => decodeChainRecord(Buffer.from(newer), CHAIN, NO_CHAIN_KEYS),
    (e) => isCodedError(e, 'unimplemented'),
  );
});

test('parseChainKey() takes only Ed25519', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  assert.throws(
    () => parseChainKey(pem, 'file.pem'),
    (e) => isCodedError(e, 'invalid_argument') && /file\.pem/.test(e.message),
  );
});
