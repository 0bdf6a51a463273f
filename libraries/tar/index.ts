export { encodeTar, type TarMember } from './encode-tar.ts';
export { encodeTarEntry, TAR_END, tarPadding, type EncodableEntry } from './encode-tar-entry.ts';
export { TarDecoder, type TarDecoderOptions, type TarVisitor } from './tar-decoder.ts';
export { type SparseRegion, type TarEntry, type TarEntryKind } from './tar-entry.ts';
