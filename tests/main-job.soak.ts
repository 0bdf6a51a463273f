import { testMainJob } from './main-job.ts';

/** What main-job.test.ts has not. */
const CASES = [
  ['1.6', 'OBS', 'fanotify'],
  ['1.7', 'directory', 'fanotify'],
  ['1.7', 'OBS', 'fanotify'],
  ['1.7', 'OBS', 'fuse'],
  ['2.1', 'OBS', 'fuse'],
  ['2.1', 'S3', 'auto'],
] as const;

CASES.forEach(testMainJob);
