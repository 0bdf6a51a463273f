export { parseContentDigest, type ContentDigest } from './content-digest.ts';
export type { ContentInfo, IngestStatus } from './content-info.ts';
export { contentKey } from './content-key.ts';
export type { ContentStore } from './content-store.ts';
export type { IngestWriter } from './ingest-writer.ts';
export type { Ingests } from './ingests.ts';
export type { ContentBlob } from './open-blobs.ts';
export { openContent, type Content, type ContentOptions } from './open-content.ts';
export { readFile } from './read-file.ts';
