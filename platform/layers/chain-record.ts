import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { CodedError } from '@lade/errors';
import { chainId, digestOf, parseDigest, type Digest } from '@lade/oci';

const VERSION = 1;

/** What chains/sha256/<chain id> says: the layer on top of a chain, and the proof of its index. */
export interface ChainRecord {
  readonly parent: Digest | undefined;
  readonly diffId: Digest;
  /** Digest of the layer's index. */
  readonly index: Digest;
  /** Size of the index's head, so that one ranged read gets it. */
  readonly indexHeadBytes: number;
}

/** Ed25519 keys that seal chain records. Without any, records are neither signed nor asked to be. */
export interface ChainKeys {
  /** Signs the records that this node publishes. */
  readonly signer?: KeyObject;
  /** When not empty, a record needs a signature by one of these. */
  readonly trusted: readonly KeyObject[];
}

export const NO_CHAIN_KEYS: ChainKeys = { trusted: [] };

/** Reads a PEM private key (signs, and trusts itself) or public key (trusts). Throws `invalid_argument` unless Ed25519. */
export function parseChainKey(pem: string, name: string): { signer?: KeyObject; trusted: KeyObject } {
  try {
    const trusted = createPublicKey(pem);
    if (trusted.asymmetricKeyType !== 'ed25519')
      throw new TypeError(`a key of type ${trusted.asymmetricKeyType}`);
    return pem.includes('PRIVATE KEY') ? { signer: createPrivateKey(pem), trusted } : { trusted };
  } catch (cause) {
    throw new CodedError(
      'invalid_argument',
      `Cannot use ${name} as a signing key: not an Ed25519 key in PEM`,
      {
        cure: 'Make one with: openssl genpkey -algorithm ed25519 -out FILE',
        cause,
      },
    );
  }
}

/** One line of JSON, the signed payload as a string inside it, so that the signature covers exact bytes. */
export function encodeChainRecord(record: ChainRecord, keys: ChainKeys): Buffer {
  const payload = JSON.stringify({ version: VERSION, ...record, parent: record.parent ?? null });
  const signatures = keys.signer
    ? [
        {
          key: keyId(keys.signer),
          signature: sign(null, Buffer.from(payload), keys.signer).toString('base64'),
        },
      ]
    : [];
  return Buffer.from(`${JSON.stringify({ payload, signatures })}\n`);
}

/**
 * Reads and checks the record of `chain`. Throws `data_loss` for damage or a record of another chain,
 * `unauthenticated` when no trusted key signed it, `unimplemented` for an unknown version.
 */
export function decodeChainRecord(bytes: Uint8Array, chain: Digest, keys: ChainKeys): ChainRecord {
  const name = `chain record ${chain}`;
  const { payload, signatures } = parse(Buffer.from(bytes).toString('utf8'), name) as Partial<Envelope>;
  if (typeof payload !== 'string' || !Array.isArray(signatures)) throw damaged(name, 'no payload');
  if (keys.trusted.length > 0 && !isSigned(payload, signatures, keys.trusted)) {
    throw new CodedError('unauthenticated', `Cannot use ${name}: no trusted key has signed it`, {
      cure: 'Give the publisher’s public key with --trust, or let this node pull the image from its registry',
    });
  }
  const fields = parse(payload, name) as Partial<ChainRecord> & { version?: number; parent?: Digest | null };
  if (fields.version !== VERSION) {
    throw new CodedError(
      'unimplemented',
      `Cannot use ${name}: version ${fields.version}, this release knows ${VERSION}`,
      {
        cure: 'Upgrade Lade on this node',
      },
    );
  }
  const record = readFields(fields, name);
  if (chainId(record.parent, record.diffId) !== chain) throw damaged(name, 'it belongs to another chain');
  return record;
}

interface Envelope {
  readonly payload: string;
  readonly signatures: readonly { readonly key: string; readonly signature: string }[];
}

function readFields(fields: Partial<ChainRecord> & { parent?: Digest | null }, name: string): ChainRecord {
  const { diffId, index, indexHeadBytes, parent } = fields;
  if (!Number.isSafeInteger(indexHeadBytes) || (indexHeadBytes ?? 0) <= 0)
    throw damaged(name, 'no index size');
  try {
    return {
      parent: parent ? parseDigest(parent) : undefined,
      diffId: parseDigest(diffId ?? ''),
      index: parseDigest(index ?? ''),
      indexHeadBytes: indexHeadBytes ?? 0,
    };
  } catch (cause) {
    throw damaged(name, 'a digest in it is malformed', cause);
  }
}

function isSigned(
  payload: string,
  signatures: Envelope['signatures'],
  trusted: readonly KeyObject[],
): boolean {
  return trusted.some((key) => {
    const id = keyId(key);
    return signatures.some(
      (s) => s.key === id && verify(null, Buffer.from(payload), key, Buffer.from(s.signature, 'base64')),
    );
  });
}

/** Digest of the public key's DER form. */
function keyId(key: KeyObject): Digest {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return digestOf(publicKey.export({ type: 'spki', format: 'der' }));
}

function parse(text: string, name: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw damaged(name, 'not JSON', cause);
  }
  throw damaged(name, 'not a JSON object');
}

function damaged(name: string, why: string, cause?: unknown): CodedError {
  return new CodedError('data_loss', `Cannot use ${name}: ${why}`, {
    cure: 'Remove the object; the next pull from the registry writes it again',
    cause,
  });
}
