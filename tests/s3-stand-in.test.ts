import { randomUUID } from 'node:crypto';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { openBucket } from '@lade/bucket';
import { describeBucketConformance } from '@lade/bucket/conformance';
import { startS3StandIn } from '@lade/sandbox';

/* The stand-in has to be as good a store as those it stands in for: the S3 driver's whole contract, against it. */
const stack = new AsyncDisposableStack();
let address = '';

before(async () => {
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-s3-')));
  ({ address } = stack.use(await startS3StandIn(folder.path)));
});

after(async () => stack.disposeAsync());

describeBucketConformance('the S3 bucket on the stand-in', async (t) => {
  const key = 'access-key-id=anyone&secret-access-key=anything';
  const url = `s3://conformance/${randomUUID()}?endpoint=http://${address}&path-style=true&${key}`;
  const bucket = await openBucket(url);
  t.after(async () => bucket[Symbol.asyncDispose]());
  return bucket;
});
