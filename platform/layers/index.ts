export { MAX_CHUNK_BYTES, BLOCK_BYTES, blocksOf, type Chunk } from './chunk.ts';
export { NO_CHAIN_KEYS, parseChainKey, type ChainKeys, type ChainRecord } from './chain-record.ts';
export { ChunkCatalogue, type BlobChunk, type PackedChunk } from './chunk-catalogue.ts';
export { ChunkTable } from './chunk-table.ts';
export { convertLayer, type ConvertedLayer, type ConvertOptions } from './convert.ts';
export { StreamDigester } from './stream-digester.ts';
export { openHotChunks, publishHotChunks, type HotChunk, type HotChunks } from './hot-chunks.ts';
export { claimOf, metadataDigest } from './index-claim.ts';
export { indexHeadBytes, type LayerIndex, type PackReference } from './index-object.ts';
export { LAYER_FILES } from './layer-files.ts';
export { DEFAULT_CONVERT_LIMITS, type ConvertLimits } from './layer-visitor.ts';
export { readLocalIndex, writeLocalIndex } from './local-index.ts';
export { checkMetadata, readMetadata } from './metadata-image.ts';
export {
  CHAINS_PREFIX,
  LAYERS_PREFIX,
  PACKS_PREFIX,
  chainKey,
  hotKey,
  indexKey,
  packKey,
} from './object-keys.ts';
export { publishChain } from './publish-chain.ts';
export { publishLayer, type PublishContext, type Published } from './publish-layer.ts';
export { readChainRecord, readIndex, readPackList, readRecordedIndex } from './read-layer.ts';
export { syncPacks } from './sync-packs.ts';
export { UploadQueue, type Upload } from './upload-queue.ts';
export { verifyChain } from './verify-chain.ts';
export { openFrame, rebuildTar, verifyLayer } from './verify-layer.ts';
export { walkFiles, walkLocalFiles, type LayerFile } from './walk-files.ts';
