import type { Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import type { Digest } from '@lade/oci';
import { collectBytes } from '@lade/streams';
import { decodeChainRecord, type ChainKeys, type ChainRecord } from './chain-record.ts';
import { hashOfZeros, type Chunk } from './chunk.ts';
import {
  INDEX_HEADER_BYTES,
  decodeIndexHead,
  decodeIndexHeader,
  decodePackList,
  indexHeadBytes,
  tablesBytes,
  type LayerIndex,
} from './index-object.ts';
import { chainKey, indexKey } from './object-keys.ts';

const MAX_CHAIN_RECORD_BYTES = 64 << 10;
/** 10 million inodes stay below it. */
const MAX_INDEX_HEAD_BYTES = 2 ** 30;

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** The record of a chain, checked, or undefined where no node has published it. Throws as decodeChainRecord() does. */
export async function readChainRecord(
  bucket: Bucket,
  chain: Digest,
  keys: ChainKeys,
  options: WaitOptions = {},
): Promise<ChainRecord | undefined> {
  try {
    const { body } = await bucket.get(chainKey(chain), options);
    return decodeChainRecord(await collectBytes(body, MAX_CHAIN_RECORD_BYTES), chain, keys);
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return undefined;
    if (!isCodedError(reason, 'resource_exhausted')) throw reason;
    throw mismatch(`chain record ${chain}`, `is larger than ${MAX_CHAIN_RECORD_BYTES} bytes`);
  }
}

/** The head of the index that `record` vouches for. Throws `data_loss` when the bucket holds another one or none. */
export async function readRecordedIndex(
  bucket: Bucket,
  record: ChainRecord,
  options: WaitOptions = {},
): Promise<LayerIndex> {
  const name = `index ${indexKey(record.diffId)}`;
  if (record.indexHeadBytes > MAX_INDEX_HEAD_BYTES) throw mismatch(name, 'is larger than any layer can need');
  const head = await readRange(bucket, indexKey(record.diffId), record.indexHeadBytes, options).catch(
    (reason: unknown) => {
      throw isCodedError(reason, 'not_found') ? mismatch(name, 'is gone', reason) : reason;
    },
  );
  const index = decodeIndexHead(head, name);
  if (index.digest !== record.index)
    throw mismatch(name, `is ${index.digest}, the chain record says ${record.index}`);
  if (index.header.diffId !== record.diffId) throw mismatch(name, `is of layer ${index.header.diffId}`);
  return published(index, name);
}

/** The head of a layer's index by diff id alone, or undefined where the bucket has none. It proves itself, not its origin. */
export async function readIndex(
  bucket: Bucket,
  diffId: Digest,
  options: WaitOptions = {},
): Promise<LayerIndex | undefined> {
  const key = indexKey(diffId);
  const name = `index ${key}`;
  try {
    const { header } = decodeIndexHeader(await readRange(bucket, key, INDEX_HEADER_BYTES, options), name);
    if (header.diffId !== diffId) throw mismatch(name, `is of layer ${header.diffId}`);
    if (indexHeadBytes(header) > MAX_INDEX_HEAD_BYTES)
      throw mismatch(name, 'is larger than any layer can need');
    const head = await readRange(bucket, key, indexHeadBytes(header), options);
    return published(decodeIndexHead(head, name), name);
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return undefined;
    throw reason;
  }
}

/** The packs that a layer needs, or undefined where the bucket has no index of it. Throws `data_loss` for a damaged one. */
export async function readPackList(
  bucket: Bucket,
  diffId: Digest,
  options: WaitOptions = {},
): Promise<readonly Digest[] | undefined> {
  const key = indexKey(diffId);
  try {
    const { header } = decodeIndexHeader(await readRange(bucket, key, INDEX_HEADER_BYTES, options), key);
    const bytes = await readRange(bucket, key, INDEX_HEADER_BYTES + tablesBytes(header), options);
    return decodePackList(bytes, key);
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return undefined;
    throw reason;
  }
}

/** `index`, unless it claims bytes that nobody could check. */
function published(index: LayerIndex, name: string): LayerIndex {
  const bad = index.chunks.findIndex((chunk) => !isCheckable(chunk));
  if (bad === -1) return index;
  throw mismatch(name, `has no place for chunk ${bad}`);
}

function isCheckable({ hash, rawBytes, place }: Chunk): boolean {
  return place.kind === 'packed' || (place.kind === 'zero' && hashOfZeros(rawBytes).equals(hash));
}

async function readRange(
  bucket: Bucket,
  key: string,
  length: number,
  options: WaitOptions,
): Promise<Uint8Array> {
  const { body } = await bucket.get(key, { offset: 0, length, ...options });
  return collectBytes(body, length);
}

function mismatch(name: string, why: string, cause?: unknown): CodedError {
  return new CodedError('data_loss', `Cannot use ${name}: it ${why}`, {
    cure: 'Remove the object and the chain record; the next pull from the registry writes both again',
    cause,
  });
}
