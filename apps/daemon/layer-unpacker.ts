import type { LayerUnpacker } from '@lade/containerd-services';
import type { ConvertContent } from './convert-content.ts';
import type { Platform } from './open-platform.ts';

/** Converts the layers that containerd has fetched and asks for; background work waits. */
export function createLayerUnpacker(
  { foreground }: Pick<Platform, 'foreground'>,
  convert: ConvertContent,
): LayerUnpacker {
  return {
    async unpack({ digest }, options) {
      using _turn = foreground.enter();
      return await convert(digest, options);
    },
  };
}
