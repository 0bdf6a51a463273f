export { decodeImage, type DecodedImage, type ReadRange } from './decode-image.ts';
export { encodeImage, type EncodedImage, type EncodeOptions } from './encode-image.ts';
export type {
  DeviceInode,
  DeviceNumber,
  DirectoryInode,
  FifoInode,
  FileInode,
  Inode,
  InodeAttributes,
  SocketInode,
  SymlinkInode,
  Timestamp,
} from './inode.ts';
export { decodeSuperblock, type Superblock } from './superblock.ts';
export { isXattrSupported } from './xattrs.ts';
