import type { LayerUnpacker } from '@lade/containerd-services';
import type { Logger } from '@lade/log';
import type { ConvertContent } from './convert-content.ts';
import type { Platform } from './open-platform.ts';

/** Converts the layers that containerd has fetched and asks for, but for those that were made here; background work waits. */
export function createLayerUnpacker(
  { made, foreground }: Pick<Platform, 'made' | 'foreground'>,
  convert: ConvertContent,
  log: Logger,
): LayerUnpacker {
  return {
    async unpack({ digest }, options) {
      using _turn = foreground.enter();
      const known = made.find(digest);
      if (!known) return await convert(digest, options);
      log.info('layer unpacked that was made here', { digest, diffId: known.diffId });
      return known;
    },
  };
}
