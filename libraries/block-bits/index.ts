export { Bitmap } from './bitmap.ts';
export { BlockBits } from './block-bits.ts';
export { BLOCK_BYTES } from './geometry.ts';
