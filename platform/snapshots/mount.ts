/** A mount(2) that containerd performs for a snapshot (api/types/mount.proto). */
export interface Mount {
  readonly type: string;
  readonly source: string;
  /** Below the mount point; '' for the mount point itself. */
  readonly target: string;
  readonly options: readonly string[];
}

/** Mounts of a snapshot that is written to: changes go to `fs`, `lower` is below, top first. */
export function writableMounts(
  fs: string,
  work: string,
  lower: readonly string[],
  overlayOptions: readonly string[],
): Mount[] {
  if (lower.length === 0) return [bind(fs, 'rw')];
  return [overlay([...overlayOptions, `workdir=${work}`, `upperdir=${fs}`], lower)];
}

/** Mounts that show `layers`, top first, at least one. */
export function readOnlyMounts(layers: readonly string[], overlayOptions: readonly string[]): Mount[] {
  const [only, ...others] = layers;
  if (only === undefined) throw new RangeError('readOnlyMounts() needs a directory');
  return [others.length === 0 ? bind(only, 'ro') : overlay(overlayOptions, layers)];
}

/** The `fs` directory that `mounts` write to. */
export function writableDirectory(mounts: readonly Mount[]): string | undefined {
  const mount = mounts.at(-1);
  if (mount?.type === 'bind') return mount.options.includes('ro') ? undefined : mount.source;
  return mount && optionOf(mount, 'upperdir');
}

/** The directories that `mounts` show, top first, the one that is written to included; undefined for mounts of another form. */
export function stackedDirectories(mounts: readonly Mount[]): readonly string[] | undefined {
  const [mount, ...others] = mounts;
  if (!mount) return [];
  if (others.length > 0 || mount.target !== '') return undefined;
  if (mount.type === 'bind') return [mount.source];
  const lower = mount.type === 'overlay' ? optionOf(mount, 'lowerdir') : undefined;
  if (lower === undefined) return undefined;
  const upper = optionOf(mount, 'upperdir');
  return [...(upper === undefined ? [] : [upper]), ...lower.split(':')];
}

function optionOf({ options }: Mount, name: string): string | undefined {
  return options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
}

function bind(source: string, access: 'ro' | 'rw'): Mount {
  return { type: 'bind', source, target: '', options: [access, 'rbind'] };
}

function overlay(options: readonly string[], lower: readonly string[]): Mount {
  return {
    type: 'overlay',
    source: 'overlay',
    target: '',
    options: [...options, `lowerdir=${lower.join(':')}`],
  };
}
