import { test } from 'node:test';
import { bringLargeObject } from './large-object.ts';
import { UPLOAD_SITES } from './upload-site.ts';

/* moto keeps whole objects in memory when it completes them: S3 is the stand-in here. */
const SIZE_BYTES = 5 * 10 ** 9;

for (const name of ['obs', 's3'] as const) {
  test(`5 GB go into ${name} in bounded memory, though the first try is killed half way`, async (t) => {
    await bringLargeObject(await UPLOAD_SITES[name](t), SIZE_BYTES);
  });
}
