import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBucket } from '@lade/bucket';
import type { ByteSource } from '@lade/streams';
import { stampedNoise } from './noise.ts';
import type { PutReport } from './put-child.ts';
import { partOf, type UploadSite } from './upload-site.ts';

const PART_BYTES = 16 << 20;
/** All that a put sends at the same time: when they hang, those before them are stored. */
const AT_ONCE = 4;
/** Four parts of 16 MiB, and Node.js with its libraries and what its collector has not come to. */
const MAX_PEAK_BYTES = 300e6;
const STEP_BYTES = 1 << 20;
const RANGE_BYTES = 2 * STEP_BYTES;
const RANGES = 16;
const SEED = 'a large object';

/** Puts an object from a process that is killed when half of it is stored, then from another, and reads it back. */
export async function bringLargeObject(site: UploadSite, sizeBytes: number): Promise<void> {
  const { url, proxy } = site;
  const parts = Math.ceil(sizeBytes / PART_BYTES);
  const stored = Math.floor(parts / 2);
  const sent: number[] = [];
  proxy.inject((request) => ((partOf(request) ?? 0) > stored ? { kind: 'silence' } : undefined));
  const first = startPut(url, sizeBytes);
  while (proxy.counts().silence < AT_ONCE) {
    assert.equal(first.exitCode, null);
    await sleep(50);
  }
  first.kill('SIGKILL');
  await once(first, 'exit');
  assert.deepEqual(await site.unfinished(), [stored]);
  proxy.inject((request) => {
    const part = partOf(request);
    if (part !== undefined) sent.push(part);
    return undefined;
  });
  const { version, peakBytes } = await reportOf(startPut(url, sizeBytes));
  assert.deepEqual(
    sent.sort((a, b) => a - b),
    Array.from({ length: parts - stored }, (_, i) => stored + 1 + i),
  );
  assert.ok(peakBytes < MAX_PEAK_BYTES, `${peakBytes} bytes of memory`);
  assert.deepEqual(await site.unfinished(), []);
  await using bucket = await openBucket(url);
  const whole = await bucket.get('large');
  assert.deepEqual([whole.sizeBytes, whole.version], [sizeBytes, version]);
  assert.equal(await digestOf(whole.body), await digestOf(stampedNoise(SEED, sizeBytes)));
  for (let i = 0; i < RANGES; i++) {
    const offset = Math.floor((sizeBytes * i) / RANGES / STEP_BYTES) * STEP_BYTES;
    const length = Math.min(RANGE_BYTES, sizeBytes - offset);
    const { body } = await bucket.get('large', { offset, length });
    assert.equal(await digestOf(body), await digestOf(stampedNoise(SEED, offset + length, offset)));
  }
}

function startPut(url: string, sizeBytes: number): ChildProcess {
  const program = join(import.meta.dirname, 'put-child.ts');
  return spawn(process.execPath, [program, url, 'large', SEED, String(sizeBytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function reportOf(child: ChildProcess): Promise<PutReport> {
  const said: Buffer[] = [];
  child.stdout?.on('data', (bytes: Buffer) => said.push(bytes));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0);
  return JSON.parse(Buffer.concat(said).toString()) as PutReport;
}

async function digestOf(body: ByteSource): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  return hash.digest('hex');
}
