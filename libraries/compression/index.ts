export { compressChunk, decompressChunk } from './chunk.ts';
export { compress } from './compress.ts';
export { decompress, type DecompressOptions } from './decompress.ts';
export { detectCompression, type Compression } from './detect-compression.ts';
