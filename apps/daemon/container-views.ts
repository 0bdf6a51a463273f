import type { ContainerSummary as Listed } from '@lade/containers';
import type { ContainerSummary } from '@lade/control-protocol';
import { walkLocalFiles } from '@lade/layers';
import type { Digest } from '@lade/oci';
import type { LayerReads, LocalLayers } from '@lade/residency';
import { filesRead, layersReadElsewhere, layersReadIn, readsOf, topFiles, type FileRead } from '@lade/starts';
import type { Platform } from './open-platform.ts';
import { summariseStart } from './summarise-start.ts';
import { lookForUnseen } from './unseen-layers.ts';

const MAX_FILES = 20;

/** What Lade knows of containers beside what containerd says. */
export interface ContainerViews {
  summarise(containers: readonly Listed[]): Promise<ContainerSummary[]>;
  /** With the files that it has read. */
  detail(container: Listed): Promise<ContainerSummary>;
}

/** `groups`: see layersReadElsewhere(). */
export function createContainerViews(platform: Platform, groups: () => ReadonlySet<string>): ContainerViews {
  const { layers, reads } = platform;
  const summarise = async (containers: readonly Listed[]): Promise<ContainerSummary[]> => {
    const others = layersReadElsewhere(reads, groups());
    const users = others.length === 0 ? new Map<Digest, number>() : platform.layerUsers();
    const isAlone = (diffId: Digest): boolean => users.get(diffId) === 1;
    const unseenOf = lookForUnseen(layers);
    const told = containers.map((container) => describe(container, platform, { others, isAlone }));
    return Promise.all(
      told.map(async (summary) => {
        if (!summary.reads) return summary;
        return {
          ...summary,
          reads: { ...summary.reads, unseenLayers: await unseenOf(summary.layers ?? []) },
        };
      }),
    );
  };
  return {
    summarise,
    async detail(container) {
      const [summary] = await summarise([container]);
      if (!summary) throw new RangeError('one container has one summary');
      if (!summary.reads || container.cgroup === undefined) return summary;
      const read = layersReadIn(reads, container.cgroup);
      return { ...summary, reads: { ...summary.reads, files: await topFilesOf(read, layers) } };
    },
  };
}

function describe(
  { snapshotKey, cgroup, ...listed }: Listed,
  { snapshotLevels, starts, reads }: Platform,
  { others, isAlone }: { readonly others: readonly LayerReads[]; readonly isAlone: (d: Digest) => boolean },
): ContainerSummary {
  const { namespace, id, createdAt } = listed;
  const found = snapshotLevels(namespace, snapshotKey);
  if (!found) return listed;
  const layers = found.levels.flatMap(({ diffId }) => diffId ?? []);
  const start = starts.ofContainer(namespace, id, new Date(createdAt));
  return {
    ...listed,
    layers,
    // Of directories that are no layers of ours nobody is told anything.
    ...(cgroup === undefined || layers.length === 0
      ? {}
      : { reads: readsOf(reads, cgroup, others, new Set(layers.filter(isAlone))) }),
    ...(start === undefined ? {} : { start: summariseStart(start) }),
  };
}

async function topFilesOf(read: readonly LayerReads[], layers: LocalLayers): Promise<readonly FileRead[]> {
  const files: FileRead[] = [];
  for (const layer of read.filter(({ diffId }) => layers.has(diffId))) {
    const { folder } = await layers.inspect(layer.diffId);
    files.push(...(await filesRead(layer, walkLocalFiles(folder))));
  }
  return topFiles(files, MAX_FILES);
}
