import { setTimeout as sleep } from 'node:timers/promises';
import { openBrowser, openPage } from '@lade/console/testing';
import type { ConsoleLink, LayerSummary } from '@lade/control-protocol';
import { buildImage, startOrigin, type ImageName } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import type { BenchCase, BenchContext } from './benchmark.ts';
import { inMegabytes, MEGABYTE, readMemory, resetPeak } from './process-memory.ts';
import { startNode } from './start-node.ts';
import { median, round, spread } from './statistics.ts';

const RUNS = 3;
/** Before a daemon is measured, so that it has settled. */
const REST_MS = 5_000;
const WATCHED_MS = 4_000;
/** What the console may cost the daemon while somebody looks. */
const LIMIT_BYTES = 15 * MEGABYTE;
/** What is noise between two daemons at rest. */
const NOISE = 1.05;
const SERVED = ['--http', '127.0.0.1:0'];

/** Case → the image that is on the node meanwhile; `small-files` has 16,000 files in each of two layers. */
const WATCHED: Readonly<Record<string, ImageName>> = {
  watched: 'python',
  'watched-small-files': 'small-files',
};

/**
 * What the console costs the daemon: `unwatched`, at rest, against a daemon that does not serve it; `watched…`, at the peak
 * while a browser goes through all pages, over what it had before.
 */
export async function* bench(context: BenchContext): AsyncGenerator<BenchCase> {
  const { runs = RUNS, say } = context;
  if (context.isWanted('unwatched')) {
    const ratios: number[] = [];
    while (ratios.length < runs) {
      const [served, without] = [await restingBytes(context, SERVED), await restingBytes(context, [])];
      say(`  unwatched: ${inMegabytes(served)} MB, without the console ${inMegabytes(without)} MB`);
      ratios.push(served / without);
    }
    yield toCase('unwatched', ratios, { limit: NOISE, peer: 'a daemon without it' });
  }
  for (const [name, image] of Object.entries(WATCHED)) {
    if (!context.isWanted(name)) continue;
    const bytes: number[] = [];
    while (bytes.length < runs) {
      bytes.push(await watchedBytes(context, image));
      say(`  ${name}: ${inMegabytes(bytes.at(-1) ?? 0)} MB more`);
    }
    const peer = `limit of ${inMegabytes(LIMIT_BYTES)} MB`;
    const ratios = bytes.map((each) => each / LIMIT_BYTES);
    yield { ...toCase(name, ratios, { limit: 1, peer }), megabytes: inMegabytes(median(bytes)) };
  }
}

async function restingBytes(context: BenchContext, flags: readonly string[]): Promise<number> {
  await using node = await startNode({ ...context, flags });
  await sleep(REST_MS, undefined, { signal: context.signal });
  return (await readMemory(node.daemonPid)).residentBytes;
}

/** How much more memory the daemon has at its peak, while a browser goes through all pages, than before. */
async function watchedBytes(context: BenchContext, image: ImageName): Promise<number> {
  const { cacheFolder, signal, say } = context;
  const { layout, name } = await buildImage(image, { cacheFolder, signal, log: say });
  await using origin = await startOrigin([layout]);
  await using node = await startNode({ ...context, flags: SERVED });
  const reference = `${origin.address}/${name}`;
  await node.containerd.pull(reference, { snapshotter: 'lade' });
  await node.uploaded();
  await node.publishes(reference);
  const addresses = await pageAddresses(node);
  await using opened = await openBrowser();
  await sleep(REST_MS, undefined, { signal });
  const { residentBytes: before } = await readMemory(node.daemonPid);
  await resetPeak(node.daemonPid);
  for (const url of addresses) {
    await using _opening = await openPage(opened.browser, { url });
    await sleep(WATCHED_MS, undefined, { signal });
  }
  return Math.max(0, (await readMemory(node.daemonPid)).peakBytes - before);
}

/** All pages that show something without a container. */
async function pageAddresses(node: LadeNode): Promise<string[]> {
  const { url } = JSON.parse(await node.ladeOrThrow('console', '--json')) as ConsoleLink;
  const layers = JSON.parse(await node.ladeOrThrow('layers', '--json')) as readonly LayerSummary[];
  const largest = layers.reduce((a, b) => (b.blobBytes > a.blobBytes ? b : a));
  const paths = ['', 'images', `layers/${largest.diffId}`, 'bucket', 'containers', 'events'];
  return paths.map((path) => new URL(`#/${path}`, url).href);
}

function toCase(
  name: string,
  ratios: readonly number[],
  { limit, peer }: { readonly limit: number; readonly peer: string },
): BenchCase {
  const ratio = round(median(ratios));
  return {
    case: name,
    ratio,
    want: `<=${limit}`,
    met: ratio <= limit,
    peer,
    runs: ratios.length,
    spread: spread(ratios),
  };
}
