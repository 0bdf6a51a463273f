import { DEFAULT_CONVERT_LIMITS } from '@lade/layers';
import { wrapError } from '@lade/errors';
import type { Logger } from '@lade/log';
import type { Digest } from '@lade/oci';
import type { LocalLayers, PinnedLayer } from '@lade/residency';
import type { ByteSource, PullSource } from '@lade/streams';
import type { ContainerdNode } from './containerd-node.ts';

interface ConvertOptions {
  readonly namespace: string;
  readonly signal: AbortSignal;
  /** Asked before each piece is read: resolves when the conversion may go on. */
  readonly turn?: () => Promise<void>;
}

/** Converts a layer straight from containerd's content store. Throws `not_found` when it is not there. */
export type ConvertContent = (digest: Digest, options: ConvertOptions) => Promise<PinnedLayer>;

export function createContentConverter(
  layers: LocalLayers,
  node: ContainerdNode,
  { maxTarBytes, log }: { readonly maxTarBytes: number; readonly log: Logger },
): ConvertContent {
  const limits = { ...DEFAULT_CONVERT_LIMITS, maxTarBytes };
  return async (digest, { namespace, signal, turn }) => {
    const started = Date.now();
    try {
      await using content = await node.openContent(digest, { namespace, signal });
      const source = turn ? inTurns(content.source, turn) : content.source;
      const layer = await layers.convert(source, { limits, signal });
      const { diffId, tarBytes } = layer;
      const { sizeBytes: storedBytes } = content;
      log.info('layer converted', { digest, diffId, storedBytes, tarBytes, ms: Date.now() - started });
      return layer;
    } catch (reason) {
      throw wrapError(reason, `Cannot convert layer ${digest}`);
    }
  };
}

function inTurns(source: ByteSource | PullSource, turn: () => Promise<void>): ByteSource | PullSource {
  if (typeof source !== 'function') return piecesInTurns(source, turn);
  return async (buffer) => {
    await turn();
    return source(buffer);
  };
}

async function* piecesInTurns(source: ByteSource, turn: () => Promise<void>): AsyncGenerator<Uint8Array> {
  for await (const piece of source) {
    await turn();
    yield piece;
  }
}
