import { CodedError, isCodedError } from '@lade/errors';
import { resolveUser, runtimeSpec, type BindMount } from '@lade/oci';
import { checkMounts } from './check-mounts.ts';
import { labelsAtCreation, SNAPSHOT_OF } from './container-labels.ts';
import type { Mount, NamespaceCalls, Roots, RunnableImage, TerminalSize } from './ports.ts';
import { removeLeftover } from './remove-container.ts';

const SNAPSHOTTER = 'lade';
const RUNTIME = 'io.containerd.runc.v2';
/** As containerd wants its identifiers. */
const ID = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;
const MAX_ID = 76;

/** How a container differs from what its image says. */
export interface ContainerSettings {
  readonly args?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  /** This node's network; else only a loopback of its own. */
  readonly hostNetwork?: boolean;
  readonly readOnly?: boolean;
  readonly mounts?: readonly BindMount[];
  readonly hostname?: string;
  readonly terminal?: boolean;
  readonly size?: TerminalSize;
  /** Remove it when it has ended. */
  readonly remove?: boolean;
}

interface Place {
  readonly id: string;
  readonly namespace: string;
  readonly image: RunnableImage;
  readonly calls: NamespaceCalls;
  readonly roots: Roots;
  readonly signal: AbortSignal;
}

/**
 * Makes snapshot and record of a container, both called `id`; returns the mounts of its root. Throws `already_exists`, and
 * `invalid_argument` for settings that do not suit the image.
 */
export async function createContainer(settings: ContainerSettings, place: Place): Promise<readonly Mount[]> {
  const { id, calls } = place;
  checkId(id);
  await checkMounts(settings.mounts);
  return calls.withLease(async (leased) => {
    const snapshots = leased.snapshots(SNAPSHOTTER);
    const rootfs = await prepare(snapshots, place);
    try {
      await createRecord(settings, rootfs, place);
    } catch (reason) {
      await snapshots.remove(id).catch(() => {});
      throw reason;
    }
    return rootfs;
  });
}

async function prepare(
  snapshots: ReturnType<NamespaceCalls['snapshots']>,
  { id, image, calls, signal }: Place,
): Promise<readonly Mount[]> {
  const options = { parent: image.parent, labels: { [SNAPSHOT_OF]: id }, signal };
  try {
    return await snapshots.prepare(id, options);
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) throw notUnpacked(image);
    if (!isCodedError(reason, 'already_exists')) throw reason;
    if (await removeLeftover(id, snapshots, calls.containers)) return snapshots.prepare(id, options);
    throw taken(id);
  }
}

async function createRecord(
  settings: ContainerSettings,
  rootfs: readonly Mount[],
  { id, namespace, image, calls, roots, signal }: Place,
): Promise<void> {
  const { config } = image;
  const { user = config.User ?? '', size, remove = false } = settings;
  const spec = runtimeSpec({
    ...settings,
    cgroupsPath: `/${namespace}/${id}`,
    image: config,
    user: resolveUser(user, await roots.usersOfMounts(rootfs)),
    consoleSize: size && { width: size.columns, height: size.rows },
  });
  const labels = labelsAtCreation(config.Labels, config.StopSignal ?? 'SIGTERM', remove);
  const place = { snapshotter: SNAPSHOTTER, snapshotKey: id, runtime: RUNTIME };
  await calls.containers.create({ id, image: image.name, labels, ...place, spec }, { signal });
}

function checkId(id: string): void {
  if (id.length <= MAX_ID && ID.test(id)) return;
  throw new CodedError(
    'invalid_argument',
    `Cannot call a container ${JSON.stringify(id)}: containerd does not allow it`,
    {
      cure: `Use at most ${MAX_ID} letters and digits, with single dots, dashes or underscores between them`,
    },
  );
}

function taken(id: string): CodedError {
  return new CodedError('already_exists', `Cannot make container ${id}: the name is taken`, {
    cure: `Choose another with --name, or remove the one that has it with lade rm ${id}`,
  });
}

function notUnpacked({ name }: RunnableImage): CodedError {
  return new CodedError(
    'failed_precondition',
    `Cannot run image ${name}: its layers are not in snapshotter ${SNAPSHOTTER}`,
    {
      cure: `Bring them with lade pull ${name}, or pull it with ctr images pull --snapshotter ${SNAPSHOTTER}`,
    },
  );
}
