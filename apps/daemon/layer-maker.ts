import { createLayer, type Xattrs } from '@lade/changesets';
import type { LayerMaker, LayerRequest } from '@lade/containerd-services';
import { wrapError } from '@lade/errors';
import { DEFAULT_CONVERT_LIMITS } from '@lade/layers';
import { getXattr, listXattrs } from '@lade/linux';
import type { Logger } from '@lade/log';
import type { SnapshotChanges } from '@lade/snapshots';
import type { ContainerdNode, Scope } from './containerd-node.ts';
import type { Platform } from './open-platform.ts';

const XATTRS: Xattrs = { list: listXattrs, get: getXattr };

type Parts = Pick<Platform, 'layers' | 'made' | 'foreground'>;

interface Settings {
  readonly maxTarBytes: number;
  readonly log: Logger;
}

/**
 * Makes layers of snapshots in containerd's content store, and converts them on the way, so that nobody has to unpack them.
 * One at a time: a layer that is read here may have to be filled by this very process, whose threads must not all wait for it.
 */
export function createLayerMaker(parts: Parts, node: ContainerdNode, settings: Settings): LayerMaker {
  let last: Promise<unknown> = Promise.resolve();
  return {
    async make(changes, request, scope) {
      const made = last.then(async () => {
        scope.signal.throwIfAborted();
        using _turn = parts.foreground.enter();
        return make(changes, request, { ...parts, ...settings, node, scope });
      });
      last = made.catch(() => {});
      try {
        return await made;
      } catch (reason) {
        throw wrapError(reason, `Cannot make a layer of snapshot ${changes.keys[0]}`);
      }
    },
  };
}

interface Work extends Parts, Settings {
  readonly node: ContainerdNode;
  readonly scope: Scope;
}

async function make(
  changes: SnapshotChanges,
  { ref, ...request }: LayerRequest,
  { layers, made, node, scope, maxTarBytes, log }: Work,
): ReturnType<LayerMaker['make']> {
  const started = Date.now();
  const limits = { ...DEFAULT_CONVERT_LIMITS, maxTarBytes };
  const { digest, sizeBytes, diffId, tarBytes, converted } = await createLayer(changes, {
    ...request,
    xattrs: XATTRS,
    areHere: changes.layer === undefined,
    content: { write: async (bytes, labels) => node.ingest(bytes, { ref, labels }, scope) },
    convert: async (tar, given) => layers.convert(tar, { limits, ...given }),
    signal: scope.signal,
  });
  if (converted.status === 'fulfilled') made.remember(digest, converted.value);
  else log.warn('layer was made, but cannot be converted', { digest, diffId, error: converted.reason });
  const ms = Date.now() - started;
  log.info('layer made', { snapshot: changes.keys[0], digest, diffId, storedBytes: sizeBytes, tarBytes, ms });
  return { digest, sizeBytes };
}
