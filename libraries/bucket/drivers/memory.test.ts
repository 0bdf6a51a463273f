import { describeBucketConformance } from '../conformance.ts';
import { openMemoryBucket } from './memory.ts';

describeBucketConformance(
  'the memory bucket',
  async (t) => {
    const bucket = openMemoryBucket();
    t.after(async () => bucket[Symbol.asyncDispose]());
    return bucket;
  },
  { isInMemory: true },
);
