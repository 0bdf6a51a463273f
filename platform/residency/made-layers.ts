import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LAYER_FILES } from '@lade/layers';
import type { Digest } from '@lade/oci';
import type { LayerTable } from './layer-table.ts';
import type { LocalLayers, PinnedLayer } from './local-layers.ts';

/** Who makes a layer unpacks it next, into a snapshot of its own. */
const KEEP_MS = 600_000;

/** The layers that this node itself has made, by the digest of what went to the content store. They need not be unpacked again. */
export class MadeLayers {
  readonly #table: LayerTable;
  readonly #layers: LocalLayers;

  constructor(table: LayerTable, layers: LocalLayers) {
    this.#table = table;
    this.#layers = layers;
  }

  /** Takes over the pin, and keeps the layer for as long as somebody may come to unpack it. */
  remember(stored: Digest, layer: PinnedLayer): void {
    setTimeout(() => layer[Symbol.dispose](), KEEP_MS).unref();
    this.#table.rememberSource(stored, layer.diffId);
  }

  /** The layer that `stored` unpacks to, while it is here with all that its publication takes. */
  find(stored: Digest): PinnedLayer | undefined {
    const diffId = this.#table.sourceOf(stored);
    if (!diffId || !this.#layers.has(diffId)) return undefined;
    const recipe = join(this.#layers.folderOf(diffId), LAYER_FILES.recipe);
    return existsSync(recipe) ? this.#layers.pin(diffId) : undefined;
  }
}
