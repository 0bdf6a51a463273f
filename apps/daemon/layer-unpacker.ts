import type { LayerUnpacker } from '@lade/containerd-services';
import type { Foreground } from '@lade/residency';
import type { ConvertContent } from './convert-content.ts';

/** Converts the layers that containerd has fetched and asks for; background work waits meanwhile. */
export function createLayerUnpacker(foreground: Foreground, convert: ConvertContent): LayerUnpacker {
  return {
    async unpack({ digest }, options) {
      using _turn = foreground.enter();
      return await convert(digest, options);
    },
  };
}
