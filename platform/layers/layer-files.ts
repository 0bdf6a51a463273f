/** The files of a layer on a node, inside `<root>/layers/<diff id>/`. */
export const LAYER_FILES = {
  /** The metadata image, raw: what the kernel mounts. */
  metadata: 'meta.erofs',
  /** File data, sparse where nothing has been fetched yet. */
  blob: 'blob',
  /** Which chunks of the blob are on disk and checked (platform/residency). */
  resident: 'resident',
  /** The head of the index; its chunks are `local` until the layer is published. */
  index: 'index',
  /** The stored tar recipe; only until the layer is published. */
  recipe: 'recipe',
} as const;
