import { CodedError } from '@lade/errors';
import { parseDigest, type Digest } from './digest.ts';

/** image-spec descriptor.md. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
}

/** image-spec manifest.md: what we read of it. */
export interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** image-spec image-index.md: what we read of it. */
export interface ImageIndex {
  readonly manifests: readonly Descriptor[];
}

/** image-spec config.md: what we read of it. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly rootfs: { readonly diff_ids: readonly Digest[] };
  readonly config: ExecutionParameters;
}

/** image-spec config.md: how a container of the image is run, unless somebody says otherwise. */
export interface ExecutionParameters {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
}

export const MEDIA_TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

export function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.index || mediaType === MEDIA_TYPES.dockerList;
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.manifest || mediaType === MEDIA_TYPES.dockerManifest;
}

/** Layers of any vendor's tar family: OCI and docker, plain or compressed, also non-distributable. */
export function isLayerType(mediaType: string): boolean {
  return /\.(?:tar|layer\.v1\.tar|rootfs\.(?:diff|foreign\.diff)\.tar)(?:[.+](?:gzip|zstd))?$/.test(
    mediaType,
  );
}

export function parseManifest(bytes: Uint8Array, digest: Digest): Manifest {
  const value = parseJson(bytes, `manifest ${digest}`) as Partial<Manifest>;
  if (!value.config || !Array.isArray(value.layers))
    throw malformed(`manifest ${digest}`, 'it has no config or layers');
  return { config: checked(value.config), layers: value.layers.map(checked) };
}

export function parseImageIndex(bytes: Uint8Array, digest: Digest): ImageIndex {
  const value = parseJson(bytes, `image index ${digest}`) as Partial<ImageIndex>;
  if (!Array.isArray(value.manifests)) throw malformed(`image index ${digest}`, 'it has no manifests');
  return { manifests: value.manifests.map(checked) };
}

export function parseImageConfig(bytes: Uint8Array, digest: Digest): ImageConfig {
  const value = parseJson(bytes, `image config ${digest}`) as Partial<ImageConfig>;
  const diffIds = value.rootfs?.diff_ids;
  if (!Array.isArray(diffIds)) throw malformed(`image config ${digest}`, 'it has no rootfs.diff_ids');
  return {
    architecture: value.architecture ?? '',
    os: value.os ?? '',
    rootfs: { diff_ids: diffIds.map(parseDigest) },
    config: parseExecutionParameters(value.config, digest),
  };
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isTextMap = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every(isText);

const EXECUTION_PARAMETERS = {
  User: isText,
  Env: isTexts,
  Entrypoint: isTexts,
  Cmd: isTexts,
  WorkingDir: isText,
  Labels: isTextMap,
  StopSignal: isText,
} as const satisfies Record<keyof ExecutionParameters, (value: unknown) => boolean>;

/** Go writes null for what is empty. */
function parseExecutionParameters(value: unknown, digest: Digest): ExecutionParameters {
  const given = Object.entries(EXECUTION_PARAMETERS).flatMap(([name, isValid]) => {
    const parameter = (value as Readonly<Record<string, unknown>> | undefined | null)?.[name] ?? undefined;
    if (parameter === undefined) return [];
    if (!isValid(parameter))
      throw malformed(`image config ${digest}`, `its ${name} is not as image-spec has it`);
    return [[name, parameter]];
  });
  return Object.fromEntries(given) as ExecutionParameters;
}

function checked(descriptor: Descriptor): Descriptor {
  return { ...descriptor, digest: parseDigest(descriptor.digest) };
}

function parseJson(bytes: Uint8Array, what: string): object {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw new CodedError('data_loss', `Cannot parse ${what}: not JSON`, { cause });
  }
  throw malformed(what, 'not a JSON object');
}

function malformed(what: string, why: string): CodedError {
  return new CodedError('data_loss', `Cannot parse ${what}: ${why}`);
}
