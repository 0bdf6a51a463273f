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
  type ImageConfig,
  type ImageIndex,
  type Manifest,
  type Platform,
} from './image.ts';
export { parseReference, type Reference } from './reference.ts';
