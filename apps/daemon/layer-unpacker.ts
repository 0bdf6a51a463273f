import { DEFAULT_CONVERT_LIMITS } from '@lade/layers';
import type { LayerUnpacker } from '@lade/containerd-services';
import type { ContentStore } from '@lade/content';
import { isCodedError, wrapError } from '@lade/errors';
import type { Logger } from '@lade/log';
import type { Digest } from '@lade/oci';
import type { ContainerdNode, OpenContent } from './containerd-node.ts';
import { pullFile } from './content-files.ts';
import type { Platform } from './open-platform.ts';

/** Converts the layers that containerd has fetched, straight from its content store. */
export function createLayerUnpacker(
  { content, layers, foreground }: Platform,
  node: ContainerdNode,
  { maxTarBytes, log }: { readonly maxTarBytes: number; readonly log: Logger },
): LayerUnpacker {
  const limits = { ...DEFAULT_CONVERT_LIMITS, maxTarBytes };
  return {
    async unpack({ digest, sizeBytes }, { namespace, signal }) {
      using _turn = foreground.enter();
      const started = Date.now();
      try {
        await using stored =
          (await openOwn(content.store, digest, signal)) ??
          (await node.openContent(digest, { namespace, signal }));
        const layer = await layers.convert(stored.source, { limits, signal });
        const { diffId, tarBytes } = layer;
        log.info('layer converted', {
          digest,
          diffId,
          storedBytes: sizeBytes,
          tarBytes,
          ms: Date.now() - started,
        });
        return layer;
      } catch (reason) {
        throw wrapError(reason, `Cannot convert layer ${digest}`);
      }
    },
  };
}

/** From our own content store, where containerd uses it. */
async function openOwn(
  store: ContentStore,
  digest: Digest,
  signal: AbortSignal,
): Promise<OpenContent | undefined> {
  try {
    const blob = await store.open(digest, { signal });
    return { source: pullFile(blob.file), [Symbol.asyncDispose]: async () => blob[Symbol.dispose]() };
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return undefined;
    throw reason;
  }
}
