export { createLayer, type CreatedLayer, type LayerContent } from './create-layer.ts';
export type { Changes } from './read-changes.ts';
export type { Xattrs } from './xattrs.ts';
