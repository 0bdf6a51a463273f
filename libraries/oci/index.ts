export { chainId, chainIds } from './chain-id.ts';
export {
  Digester,
  digestFromHash,
  digestOf,
  hashOf,
  hexOf,
  isDigest,
  parseDigest,
  type Digest,
} from './digest.ts';
export {
  MEDIA_TYPES,
  isIndexType,
  isLayerType,
  isManifestType,
  parseImageConfig,
  parseImageIndex,
  parseManifest,
  type Descriptor,
  type ExecutionParameters,
  type ImageConfig,
  type ImageIndex,
  type Manifest,
  type Platform,
} from './image.ts';
export { parseReference, type Reference } from './reference.ts';
export { execProcess, type ExecSettings } from './exec-process.ts';
export { NO_USERS, resolveUser, type User, type UserFiles } from './resolve-user.ts';
export {
  runtimeSpec,
  type BindMount,
  type ProcessSpec,
  type RunSettings,
  type RuntimeSpec,
} from './runtime-spec.ts';
export { parseSignal } from './signal.ts';
