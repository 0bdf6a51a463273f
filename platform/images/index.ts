export {
  IMAGES_PREFIX,
  imageKey,
  imageNameOf,
  type ImageManifest,
  type ImageRecord,
} from './image-record.ts';
export { listImages } from './list-images.ts';
export { formatPlatform, machinePlatform } from './platform.ts';
export { publishImage, type ContentReader } from './publish-image.ts';
export { findImageRecord, readImageRecord } from './read-image-record.ts';
export { restoreImage, type NodeImages, type RestoreEvent, type RestoreOptions } from './restore-image.ts';
export { selectManifest } from './select-manifest.ts';
