import { openBucket } from '@lade/bucket';
import { stampedNoise } from './noise.ts';

/*
 * Puts one object of noise, and says on standard output which version it is and what memory that took at most.
 *
 *   node put-child.ts BUCKET_URL KEY SEED SIZE_BYTES
 */
export interface PutReport {
  readonly version: string;
  readonly peakBytes: number;
}

if (import.meta.main) {
  const [url = '', key = '', seed = '', size = ''] = process.argv.slice(2);
  await using bucket = await openBucket(url, { environment: (name) => process.env[name] });
  const { version } = await bucket.put(key, stampedNoise(seed, Number(size)), { sizeBytes: Number(size) });
  const report: PutReport = { version, peakBytes: process.resourceUsage().maxRSS * 1024 };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
