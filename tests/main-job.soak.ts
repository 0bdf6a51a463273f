import { testMainJob } from './main-job.ts';

/** The others of an OBS. */
const CASES = [
  ['1.6', 'OBS', 'fanotify'],
  ['1.7', 'OBS', 'fanotify'],
  ['1.7', 'OBS', 'fuse'],
  ['2.1', 'OBS', 'fuse'],
] as const;

CASES.forEach(testMainJob);
