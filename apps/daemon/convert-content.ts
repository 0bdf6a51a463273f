import { DEFAULT_CONVERT_LIMITS } from '@lade/layers';
import type { ContentStore } from '@lade/content';
import { isCodedError, wrapError } from '@lade/errors';
import type { Logger } from '@lade/log';
import type { Digest } from '@lade/oci';
import type { PinnedLayer } from '@lade/residency';
import type { ByteSource, PullSource } from '@lade/streams';
import { inSpan, tellOfSpan } from '@lade/tracing';
import type { ContainerdNode, OpenContent } from './containerd-node.ts';
import { pullFile } from './content-files.ts';
import type { Platform } from './open-platform.ts';

interface ConvertOptions {
  readonly namespace: string;
  readonly signal: AbortSignal;
  /** Asked before each piece is read: resolves when the conversion may go on. */
  readonly turn?: () => Promise<void>;
}

/**
 * Converts a layer straight from the content store that containerd has, unless it was made here and so is there already.
 * Throws `not_found` when the content is not there.
 */
export type ConvertContent = (digest: Digest, options: ConvertOptions) => Promise<PinnedLayer>;

export function createContentConverter(
  { content, layers, made }: Pick<Platform, 'content' | 'layers' | 'made'>,
  node: ContainerdNode,
  { maxTarBytes, log }: { readonly maxTarBytes: number; readonly log: Logger },
): ConvertContent {
  const limits = { ...DEFAULT_CONVERT_LIMITS, maxTarBytes };
  return async (digest, { namespace, signal, turn }) => {
    const known = made.find(digest);
    if (known) {
      log.info('layer was made here', { digest, diffId: known.diffId });
      return known;
    }
    const started = Date.now();
    try {
      await using stored =
        (await openOwn(content.store, digest, signal)) ??
        (await node.openContent(digest, { namespace, signal }));
      const source = turn ? inTurns(stored.source, turn) : stored.source;
      const layer = await inSpan('convert layer', { attributes: { 'lade.digest': digest } }, async () => {
        const converted = await layers.convert(source, { limits, signal });
        const { diffId, tarBytes } = converted;
        tellOfSpan(() => ({ attributes: { 'lade.diff_id': diffId, 'lade.tar_bytes': tarBytes } }));
        return converted;
      });
      const { diffId, tarBytes } = layer;
      const { sizeBytes: storedBytes } = stored;
      log.info('layer converted', { digest, diffId, storedBytes, tarBytes, ms: Date.now() - started });
      return layer;
    } catch (reason) {
      throw wrapError(reason, `Cannot convert layer ${digest}`);
    }
  };
}

/** From our own store, where containerd keeps its content with us. */
async function openOwn(
  store: ContentStore,
  digest: Digest,
  signal: AbortSignal,
): Promise<OpenContent | undefined> {
  try {
    const blob = await store.open(digest, { signal });
    return {
      source: pullFile(blob.file),
      sizeBytes: blob.sizeBytes,
      [Symbol.asyncDispose]: async () => blob[Symbol.dispose](),
    };
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return undefined;
    throw reason;
  }
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
