import { CodedError } from '@lade/errors';

export const USES_PREFIX = 'refs/nodes/';
const VERSION = 1;

/** What a node uses of the bucket, so that it is no garbage. */
export function usesKey(node: string): string {
  return USES_PREFIX + encodeURIComponent(node);
}

/** One line of JSON. */
export function encodeUses(keys: readonly string[]): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: VERSION, keys })}\n`);
}

/** Throws `data_loss` for damage, `unimplemented` for an unknown version, naming `name`. */
export function decodeUses(bytes: Uint8Array, name: string): readonly string[] {
  const { version, keys } = parse(bytes, name) as { readonly version?: unknown; readonly keys?: unknown };
  if (version !== VERSION) {
    throw new CodedError('unimplemented', `Cannot read ${name}: version ${String(version)}`, {
      cure: 'Upgrade Lade on this node',
    });
  }
  if (Array.isArray(keys) && keys.every((key) => typeof key === 'string')) return keys;
  throw damaged(name);
}

function parse(bytes: Uint8Array, name: string): object {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw damaged(name, cause);
  }
  throw damaged(name);
}

function damaged(name: string, cause?: unknown): CodedError {
  return new CodedError('data_loss', `Cannot read ${name}: it does not say what its node uses`, {
    cure: 'Restart the daemon of that node, which writes it again, or remove it with the node',
    cause,
  });
}
