import { CodedError } from '@lade/errors';
import type { ExecutionParameters } from './image.ts';
import type { User } from './resolve-user.ts';
import {
  CAPABILITIES,
  DEFAULT_PATH,
  DEVICE_RULES,
  HOST_FILES,
  MASKED_PATHS,
  MOUNTS,
  NAMESPACES,
  READ_ONLY_PATHS,
} from './runtime-defaults.ts';

/** runtime-spec config.md, mounts. */
export interface SpecMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** runtime-spec config.md, process: what we write of it. */
export interface ProcessSpec {
  readonly terminal?: boolean;
  readonly consoleSize?: { readonly width: number; readonly height: number };
  readonly user: User;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities?: Readonly<Record<string, readonly string[]>>;
  readonly rlimits?: readonly { readonly type: string; readonly hard: number; readonly soft: number }[];
  readonly noNewPrivileges?: boolean;
}

/** runtime-spec config.md and config-linux.md: what we write of them. */
export interface RuntimeSpec {
  readonly ociVersion: string;
  readonly process: ProcessSpec;
  /** The node's when missing. */
  readonly hostname?: string;
  readonly root: { readonly path: string; readonly readonly?: boolean };
  readonly mounts: readonly SpecMount[];
  readonly linux: Readonly<Record<string, unknown>>;
}

/** A folder or file of the machine that a container sees; both paths are absolute. */
export interface BindMount {
  readonly source: string;
  readonly destination: string;
  readonly readOnly?: boolean;
}

export interface RunSettings {
  /** Of the control group, below the root of all groups. */
  readonly cgroupsPath: string;
  readonly image: ExecutionParameters;
  readonly user: User;
  /** Instead of the image's command. */
  readonly args?: readonly string[] | undefined;
  /** Instead of the image's entrypoint, whose command then does not count either. */
  readonly entrypoint?: readonly string[] | undefined;
  /** NAME=VALUE, beside the image's or in their place. */
  readonly env?: readonly string[] | undefined;
  readonly workdir?: string | undefined;
  readonly hostNetwork?: boolean | undefined;
  readonly readOnly?: boolean | undefined;
  readonly mounts?: readonly BindMount[] | undefined;
  readonly hostname?: string | undefined;
  readonly terminal?: boolean | undefined;
  readonly consoleSize?: ProcessSpec['consoleSize'] | undefined;
}

/**
 * What a container is run by: containerd's defaults (oci.WithDefaultSpec), the image's execution parameters, and the settings
 * that override them. Throws `invalid_argument` where there is nothing to run.
 */
export function runtimeSpec(settings: RunSettings): RuntimeSpec {
  const { cgroupsPath, image, user, hostNetwork, readOnly, terminal, consoleSize } = settings;
  const { mounts = [], hostname } = settings;
  return {
    ociVersion: '1.0.2',
    process: {
      ...(terminal ? { terminal } : {}),
      ...(terminal && consoleSize ? { consoleSize } : {}),
      user,
      args: commandLine(settings),
      env: environment([...(image.Env ?? [])], settings),
      cwd: settings.workdir || image.WorkingDir || '/',
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', ...(readOnly ? { readonly: true } : {}) },
    ...(hostname === undefined ? {} : { hostname }),
    mounts: [...MOUNTS, ...(hostNetwork ? HOST_FILES : []), ...mounts.map(bind)],
    linux: {
      resources: { devices: DEVICE_RULES },
      cgroupsPath,
      namespaces: NAMESPACES.filter((type) => type !== 'network' || !hostNetwork).map((type) => ({ type })),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READ_ONLY_PATHS,
    },
  };
}

/** As docker does it: with the mounts below, of which no change comes back. */
function bind({ source, destination, readOnly = false }: BindMount): SpecMount {
  return { destination, type: 'bind', source, options: ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'] };
}

/** docker's rule: arguments take the place of the command, and an entrypoint of one's own that of both. */
function commandLine({ image, args, entrypoint }: RunSettings): string[] {
  const command = args ?? (entrypoint === undefined ? image.Cmd : undefined) ?? [];
  const line = [...(entrypoint ?? image.Entrypoint ?? []), ...command];
  if (line.length > 0) return line;
  throw new CodedError(
    'invalid_argument',
    'Cannot run the image: neither it nor the request says what to run',
    {
      cure: 'Name a program behind the image',
    },
  );
}

/** Later ones take the place of earlier ones with the same name. A program is looked for in PATH, so there is one. */
export function environment(
  defaults: readonly string[],
  { env = [], terminal }: Pick<RunSettings, 'env' | 'terminal'>,
): string[] {
  const given = new Map<string, string>();
  for (const entry of [...(terminal ? ['TERM=xterm'] : []), ...defaults, ...env])
    given.set(nameOf(entry), entry);
  return given.has('PATH') ? [...given.values()] : [DEFAULT_PATH, ...given.values()];
}

function nameOf(entry: string): string {
  return entry.split('=', 1)[0] ?? entry;
}
