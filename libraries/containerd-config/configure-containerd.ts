import { CodedError } from '@lade/errors';

export interface ContainerdConfiguration {
  /** As `containerd --version` says: "1.7.24", "2.1.9", "2.2". */
  readonly version: string;
  readonly snapshotter: {
    /** Name of the snapshotter; its differ is called `<name>-diff`. */
    readonly name: string;
    /** Absolute path of the unix socket that serves both. */
    readonly address: string;
    /** Folder whose file system stands for image storage in statistics and in kubelet's image garbage collection. */
    readonly exportsRoot: string;
    /** What it can do; written for versions that make use of it. */
    readonly capabilities?: readonly Capability[];
  };
  /** As OCI writes it. */
  readonly platform?: string;
  /** Also make it the snapshotter of the Kubernetes runtime interface. */
  readonly cri?: boolean;
}

/** The first version that uses it. */
const CAPABILITIES = { 'remap-ids': [1, 7], rebase: [2, 2] } as const;

type Capability = keyof typeof CAPABILITIES;

/**
 * The containerd configuration, as one whole TOML file to be imported, that registers a snapshotter and its differ as
 * proxy plugins. `overlayfs` with containerd's own differ stays usable beside it. Throws `unimplemented` below 1.6.
 */
export function configureContainerd(configuration: ContainerdConfiguration): string {
  const { version } = configuration;
  const [major] = parseVersion(version);
  if (!isAtLeast(version, [1, 6])) {
    throw new CodedError('unimplemented', `Cannot configure containerd ${version}: it is too old`, {
      cure: 'Install containerd 1.7 or newer',
    });
  }
  const isWhole = isAtLeast(version, [1, 7]);
  const sections = [
    `version = ${major === 1 ? 2 : 3}`,
    snapshotPlugin(configuration),
    ...(isWhole ? [exports(configuration), diffPlugin(configuration), transferService(configuration)] : []),
    ...(configuration.cri ? [criSnapshotter(configuration, major)] : []),
  ];
  return `${sections.join('\n\n')}\n`;
}

/** "major.minor" of any text that begins with it; throws `invalid_argument` for another text. */
export function parseVersion(version: string): [major: number, minor: number] {
  const match = /^v?(\d+)\.(\d+)/.exec(version);
  if (!match) {
    throw new CodedError(
      'invalid_argument',
      `Cannot use ${JSON.stringify(version)} as a containerd version: want major.minor`,
    );
  }
  return [Number(match[1]), Number(match[2])];
}

/** Whether a text that begins with "major.minor" names this version or a newer one. */
export function isAtLeast(version: string, [major, minor]: readonly [major: number, minor: number]): boolean {
  const [theirs, theirMinor] = parseVersion(version);
  return theirs > major || (theirs === major && theirMinor >= minor);
}

/** A basic string of TOML 1.0, whose escapes are those of JSON. */
export function quoteToml(text: string): string {
  return JSON.stringify(text);
}

function snapshotPlugin({ snapshotter, version }: ContainerdConfiguration): string {
  const capabilities = snapshotter.capabilities?.filter((it) => isAtLeast(version, CAPABILITIES[it])) ?? [];
  return [
    `[proxy_plugins.${quoteToml(snapshotter.name)}]`,
    '  type = "snapshot"',
    `  address = ${quoteToml(snapshotter.address)}`,
    ...(capabilities.length > 0 ? [`  capabilities = ${JSON.stringify(capabilities)}`] : []),
  ].join('\n');
}

/** The second one lets the transfer service of 2.1 and newer tell the snapshotter which layer a snapshot is for. */
function exports({ snapshotter }: ContainerdConfiguration): string {
  return [
    `[proxy_plugins.${quoteToml(snapshotter.name)}.exports]`,
    `  root = ${quoteToml(snapshotter.exportsRoot)}`,
    '  enable_remote_snapshot_annotations = "true"',
  ].join('\n');
}

/** containerd 1.6 panics at the sight of a proxy plugin of type "diff". */
function diffPlugin({ snapshotter }: ContainerdConfiguration): string {
  const differ = quoteToml(`${snapshotter.name}-diff`);
  return [
    `[proxy_plugins.${differ}]`,
    '  type = "diff"',
    `  address = ${quoteToml(snapshotter.address)}`,
    '',
    '[plugins."io.containerd.service.v1.diff-service"]',
    `  default = [${differ}, "walking"]`,
  ].join('\n');
}

/** A list of our own replaces the built-in one, and an entry without a differ may get any: so overlayfs is spelled out. */
function transferService({ snapshotter, platform = machinePlatform() }: ContainerdConfiguration): string {
  const entry = (name: string, differ: string): string =>
    [
      '[[plugins."io.containerd.transfer.v1.local".unpack_config]]',
      `  platform = ${quoteToml(platform)}`,
      `  snapshotter = ${quoteToml(name)}`,
      `  differ = ${quoteToml(differ)}`,
    ].join('\n');
  return [entry('overlayfs', 'walking'), entry(snapshotter.name, `${snapshotter.name}-diff`)].join('\n');
}

function criSnapshotter({ snapshotter }: ContainerdConfiguration, major: number): string {
  const section = major === 1 ? '"io.containerd.grpc.v1.cri".containerd' : '"io.containerd.cri.v1.images"';
  return [`[plugins.${section}]`, `  snapshotter = ${quoteToml(snapshotter.name)}`].join('\n');
}

function machinePlatform(): string {
  return `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;
}
