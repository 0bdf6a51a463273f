import { testMainJob } from './main-job.ts';

/** Every containerd, every kind of bucket, every fill mode. */
const CASES = [
  ['1.6', 'directory', 'fanotify'],
  ['1.7', 'directory', 'fanotify'],
  ['1.7', 'S3', 'fuse'],
  ['2.1', 'OBS', 'full'],
  ['2.1', 'OBS', 'fanotify'],
  ['2.1', 'S3', 'auto'],
] as const;

CASES.forEach(testMainJob);
