export { raiseDescriptors, reserveDescriptors } from './descriptors.ts';
export { dieWithParent } from './die-with-parent.ts';
export { systemError } from './errno.ts';
export {
  answerFanotifyEvent,
  clearFanotifyEvent,
  createFanotifyGroup,
  decodeFanotifyEvents,
  heedFile,
  ignoreFile,
  MIN_EVENT_BYTES,
  watchMount,
  type FanotifyEvent,
} from './fanotify.ts';
export { lockFile } from './file-lock.ts';
export {
  allocate,
  copyFileRange,
  punchHole,
  seekData,
  seekHole,
  syncFileSystem,
  type FilePosition,
} from './file-ranges.ts';
export { closeBacking, mountFuse, openBacking, openFuseDevice } from './fuse-device.ts';
export { isMountPoint } from './is-mount-point.ts';
export { attachLoop, type LoopDevice, type LoopOptions } from './loop-device.ts';
export { makeNode, type NodeSpec } from './make-node.ts';
export { mountMapped, type IdMaps } from './mapped-mount.ts';
export { bindMount, makePrivate, mount, tryMount, type MountRequest } from './mount.ts';
export { parseMountInfo, readMounts, type MountInfo } from './mount-table.ts';
export { openInRoot } from './open-in-root.ts';
export { copyDescriptors } from './pidfd.ts';
export { clearEvent, createEvent, signalEvent, waitReadable, type Readiness } from './poll.ts';
export { deepestCgroup, readCgroup } from './read-cgroup.ts';
export { setTimes } from './set-times.ts';
export { createSharedMemory, mapSharedMemory } from './shared-memory.ts';
export { shareHeap, trimHeap } from './trim-heap.ts';
export { unmount } from './unmount.ts';
export { wallClockNs } from './wall-clock.ts';
export { getXattr, listXattrs, setXattr, type XattrOptions } from './xattrs.ts';
