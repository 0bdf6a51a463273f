export { BucketImages } from './bucket-images.ts';
export {
  IMAGES_PREFIX,
  imageKey,
  imageNameOf,
  type ImageManifest,
  type ImageRecord,
} from './image-record.ts';
export { listImages, type KnownRecords } from './list-images.ts';
export type { NodeImages, NodeLayers, PreparedLayer } from './node-images.ts';
export { formatPlatform, machinePlatform } from './platform.ts';
export { publishImage, type ContentReader } from './publish-image.ts';
export type { PullEvent, RestoreEvent } from './pull-event.ts';
export { pullImage, type PullOptions, type PullSource } from './pull-image.ts';
export { findImageRecord, readImageRecord } from './read-image-record.ts';
export type { RegistryImage } from './read-registry-image.ts';
export { restoreImage, type RestoreOptions } from './restore-image.ts';
export { selectManifest } from './select-manifest.ts';
export { SharedDownloads } from './shared-downloads.ts';
