import { CodedError } from '@lade/errors';

const BUILT_IN_CONTENT = 'io.containerd.content.v1.content';

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
  /** Also make it the content store, called `<name>-content`, in place of the built-in one. */
  readonly content?: boolean;
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
  if (!isAtLeast(version, [1, 6])) {
    throw new CodedError('unimplemented', `Cannot configure containerd ${version}: it is too old`, {
      cure: 'Install containerd 1.7 or newer',
    });
  }
  const isWhole = isAtLeast(version, [1, 7]);
  const sections = [
    FORMAT,
    ...(configuration.content ? [`disabled_plugins = [${quoteToml(BUILT_IN_CONTENT)}]`] : []),
    snapshotPlugin(configuration),
    ...(configuration.content ? [contentPlugin(configuration)] : []),
    ...(isWhole ? [exports(configuration), diffPlugin(configuration), transferService(configuration)] : []),
    ...(configuration.cri ? [criSnapshotter(configuration, parseVersion(version))] : []),
  ];
  return `${sections.join('\n\n')}\n`;
}

type Version = readonly [major: number, minor: number];

/**
 * Of containerd 2 too, with the names that plugins have in 3: an import of format 3 would keep it (up to 2.2) from converting a
 * main file of format 2, whose settings for Kubernetes are lost then.
 */
const FORMAT = 'version = 2';

/** "major.minor" of any text that begins with it; throws `invalid_argument` for another text. */
export function parseVersion(version: string): Version {
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
export function isAtLeast(version: string, [major, minor]: Version): boolean {
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

/** containerd has one content store, and finds ours only when its own is off. */
function contentPlugin({ snapshotter }: ContainerdConfiguration): string {
  return [
    `[proxy_plugins.${quoteToml(`${snapshotter.name}-content`)}]`,
    '  type = "content"',
    `  address = ${quoteToml(snapshotter.address)}`,
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

function criSnapshotter({ snapshotter }: ContainerdConfiguration, [major, minor]: Version): string {
  const section = major === 1 ? '"io.containerd.grpc.v1.cri".containerd' : '"io.containerd.cri.v1.images"';
  return [
    ...(major === 1 ? REPLACES : []),
    ...(major === 1 && minor < 7 ? linkImageFolder(snapshotter) : []),
    `[plugins.${section}]`,
    `  snapshotter = ${quoteToml(snapshotter.name)}`,
  ].join('\n');
}

/** Imports of containerd 1 replace what the main file says about a plugin; those of 2 add to it. */
const REPLACES = [
  '# Imported, this replaces all that the main file says below plugins."io.containerd.grpc.v1.cri". Does it say anything there,',
  '# then put the line "snapshotter" into its section "containerd" there, and leave this section out.',
];

/** containerd 1.6 knows no exports of proxy plugins: kubelet asks it for a folder that is not there. */
function linkImageFolder({ name, exportsRoot }: ContainerdConfiguration['snapshotter']): string[] {
  return [
    '# kubelet looks below the root of containerd for the disk of images. Let it find that of this snapshotter:',
    `#   ln -s ${exportsRoot} /var/lib/containerd/io.containerd.snapshotter.v1.${name}`,
  ];
}

function machinePlatform(): string {
  return `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;
}
