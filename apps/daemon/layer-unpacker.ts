import { DEFAULT_CONVERT_LIMITS } from '@lade/layers';
import type { LayerUnpacker } from '@lade/containerd-services';
import { wrapError } from '@lade/errors';
import type { Logger } from '@lade/log';
import type { ContainerdNode } from './containerd-node.ts';
import type { Platform } from './open-platform.ts';

/** Converts the layers that containerd has fetched, straight from its content store. */
export function createLayerUnpacker(
  { layers, made, foreground }: Platform,
  node: ContainerdNode,
  { maxTarBytes, log }: { readonly maxTarBytes: number; readonly log: Logger },
): LayerUnpacker {
  const limits = { ...DEFAULT_CONVERT_LIMITS, maxTarBytes };
  return {
    async unpack({ digest, sizeBytes }, { namespace, signal }) {
      using _turn = foreground.enter();
      const started = Date.now();
      const known = made.find(digest);
      if (known) {
        log.info('layer unpacked that was made here', { digest, diffId: known.diffId });
        return known;
      }
      try {
        await using content = await node.openContent(digest, { namespace, signal });
        const layer = await layers.convert(content.source, { limits, signal });
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
