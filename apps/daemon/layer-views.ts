import type { LayerSummary, SnapshotSummary } from '@lade/control-protocol';
import type { LayerViews } from '@lade/control-service';
import { ChunkTable, walkLocalFiles } from '@lade/layers';
import { followLayer, residentBytes, residentChunks, traceLayer, type LayerRow } from '@lade/residency';
import type { ListedSnapshot } from '@lade/snapshots';
import type { Platform } from './open-platform.ts';

/** What the control API tells of this node's layers and snapshots. */
export function createLayerViews({ bucket, layers, snapshots, uploads }: Platform): LayerViews {
  const summarise = async (row: LayerRow): Promise<LayerSummary> => {
    const { diffId, origin, tarBytes, blobBytes, diskBytes, inodes, createdAt } = row;
    const sizes = {
      tarBytes,
      blobBytes,
      diskBytes,
      residentBytes: await residentBytes(await layers.inspect(diffId)),
    };
    const uploaded = !uploads.isWaiting(diffId);
    return { diffId, origin, ...sizes, inodes, createdAt: createdAt.toISOString(), uploaded };
  };
  return {
    layers: async () => Promise.all(layers.list().map(summarise)),
    async layerMap(diffId) {
      const layer = await layers.inspect(diffId);
      const index = await layer.readIndex();
      const table = ChunkTable.of(index);
      return {
        diffId,
        blobBytes: table.blobBytes,
        chunkBytes: base64(chunkSizes(table)),
        resident: base64(await residentChunks(layer, table)),
      };
    },
    async *layerFiles(diffId) {
      const { folder } = await layers.inspect(diffId);
      for await (const files of walkLocalFiles(folder)) yield { files };
    },
    layerActivity: (diffId, { signal }) => followLayer(layers, diffId, { signal }),
    trace: async (diffId, { signal }) => ({
      diffId,
      chunks: await traceLayer(diffId, { layers, bucket, signal }),
    }),
    snapshots: () => snapshots().map(summariseSnapshot),
  };
}

/** Unsigned 32-bit little-endian. */
function chunkSizes(table: ChunkTable): Uint8Array {
  const sizes = Buffer.alloc(table.count * 4);
  for (let n = 0; n < table.count; n++) sizes.writeUInt32LE(table.offsetOf(n + 1) - table.offsetOf(n), n * 4);
  return sizes;
}

function summariseSnapshot({ info, diffId }: ListedSnapshot): SnapshotSummary {
  const { name, kind, parent, createdAt } = info;
  return {
    key: name,
    kind,
    ...(parent === '' ? {} : { parent }),
    ...(diffId === undefined ? {} : { diffId }),
    createdAt: new Date(Number(createdAt / 1_000_000n)).toISOString(),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
