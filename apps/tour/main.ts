import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConsoleLink, Status } from '@lade/control-protocol';
import { fromUnknown } from '@lade/errors';
import { unmountBelow, unpackSet } from '@lade/sandbox';
import { USAGE, parseArguments, type TourArguments } from './arguments.ts';
import { bucketContents } from './bucket-contents.ts';
import { LadeNode } from './node.ts';
import { formatReport, megabytes, seconds, type NodeFigures } from './report.ts';
import { openSourceImage, type SourceImage } from './source-image.ts';
import { openTourBucket } from './tour-bucket.ts';

const CACHE = process.env['LADE_CACHE'] ?? join(import.meta.dirname, '../../.cache');
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const given = parseArguments(process.argv.slice(2));
if (given) {
  const stop = new AbortController();
  process.on('SIGINT', () => stop.abort()).on('SIGTERM', () => stop.abort());
  process.exitCode = await takeTour(given, stop.signal).then(
    () => 0,
    (reason: unknown) => (stop.signal.aborted ? 0 : complain(reason)),
  );
} else {
  say(USAGE);
  process.exitCode = 2;
}

function complain(reason: unknown): number {
  const { message, cure } = fromUnknown(reason);
  process.stderr.write(`npm start: ${message}\n${cure === undefined ? '' : `  → ${cure}\n`}`);
  return 1;
}

/** The main job on a real image: pulled once, started on a second node from the bucket alone. */
async function takeTour(given: TourArguments, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'lade-'));
  stack.defer(async () => {
    await unmountBelow(folder);
    await rm(folder, { recursive: true, force: true });
  });
  say('Lade: containers straight from a bucket\n');
  const bucket = stack.use(await openTourBucket(given.bucket, folder));
  say(`bucket: ${bucket.shown}\n`);
  const packages = await installContainerd(given, signal);
  const image = stack.use(
    await openSourceImage(given, { cacheFolder: CACHE, log: (line) => say(`  ${line}`), signal }),
  );
  const { containerdVersion } = given;
  const { url: bucketUrl } = bucket;
  const start = async (name: string, ...flags: readonly string[]): Promise<LadeNode> =>
    stack.use(
      await LadeNode.start({
        folder: join(folder, name),
        bucketUrl,
        packages,
        containerdVersion,
        flags: ['--http', '127.0.0.1:0', ...flags],
      }),
    );

  say(`1. First node: ${image.description}`);
  const first = await start('a');
  const { reference, figures: firstFigures } = await firstNode(first, image, signal);

  say('\n2. The origin is switched off.');
  await image[Symbol.asyncDispose]();

  say('\n3. Second node: empty, with nothing but the bucket');
  // Nothing completes its layers unasked, so that their maps show what a container reads.
  const second = await start('b', '--background-rate', '0');
  const secondFigures = await secondNode(second, reference, image.command, signal);

  say(`\n${formatReport([firstFigures, secondFigures], await bucketContents(bucketUrl))}`);
  if (!given.isOnce) await keepRunning(second, reference, signal);
  say('Cleaning up.');
}

async function installContainerd(
  { containerdVersion }: TourArguments,
  signal: AbortSignal,
): Promise<string[]> {
  const options = { cacheFolder: CACHE, signal, log: (line: string) => say(`  ${line}`) };
  const containerd = await unpackSet(`containerd-${containerdVersion}`, options);
  const runc = await unpackSet('runc', options);
  const versions = { ...containerd.versions, ...runc.versions };
  say(
    `containerd ${versions['containerd']} and runc ${versions['runc']}, unpacked in a cache folder, nothing installed\n`,
  );
  return [containerd.folder, runc.folder];
}

async function firstNode(
  node: LadeNode,
  image: SourceImage,
  signal: AbortSignal,
): Promise<{ reference: string; figures: NodeFigures }> {
  const [reference, pullMs] = await timed(() => image.bringTo(node));
  say(`   pulled and converted in ${seconds(pullMs)}`);
  signal.throwIfAborted();
  const startMs = await runContainer(node, reference, image.command);
  await node.uploaded();
  await node.publishes(reference);
  say('   its layers are in the bucket:');
  await showLayers(node);
  const fromOriginBytes = image.sentBytes();
  return {
    reference,
    figures: {
      name: 'first node',
      pullMs,
      startMs,
      fromOriginBytes,
      fromBucketBytes: 0,
      layers: await countLayers(node),
    },
  };
}

async function secondNode(
  node: LadeNode,
  reference: string,
  command: readonly string[],
  signal: AbortSignal,
): Promise<NodeFigures> {
  const [, pullMs] = await timed(() => node.ladeOrThrow('pull', '--from', 'bucket', reference));
  say(`   lade pull --from bucket ${reference}: ${seconds(pullMs)}`);
  signal.throwIfAborted();
  const startMs = await runContainer(node, reference, command);
  say('   lade verify proves every layer against its diff id:');
  say(indent(await node.ladeOrThrow('verify', reference)));
  const fromBucketBytes = await fetchedBytes(node);
  return {
    name: 'second node',
    pullMs,
    startMs,
    fromOriginBytes: 0,
    fromBucketBytes,
    layers: await countLayers(node),
  };
}

async function runContainer(node: LadeNode, reference: string, command: readonly string[]): Promise<number> {
  const [output, ms] = await timed(() => node.run(reference, ...command));
  say(`   container ran in ${seconds(ms)}: ${output.trim().split('\n').slice(0, 3).join(' ⏎ ')}`);
  return ms;
}

async function showLayers(node: LadeNode): Promise<void> {
  const layers = JSON.parse(await node.ladeOrThrow('layers', '--json')) as {
    diffId: string;
    tarBytes: number;
  }[];
  for (const { diffId, tarBytes } of layers) say(`     ${diffId.slice(0, 19)}…  ${megabytes(tarBytes)}`);
}

async function countLayers(node: LadeNode): Promise<number> {
  return (JSON.parse(await node.ladeOrThrow('layers', '--json')) as unknown[]).length;
}

/** Of packs: what the container has read so far, and what was brought ahead of it. */
async function fetchedBytes(node: LadeNode): Promise<number> {
  const { residency } = JSON.parse(await node.ladeOrThrow('status', '--json')) as Pick<Status, 'residency'>;
  return residency.fetchedBytes;
}

async function keepRunning(second: LadeNode, reference: string, signal: AbortSignal): Promise<void> {
  const { url } = JSON.parse(await second.ladeOrThrow('console', '--json')) as ConsoleLink;
  say(`Both nodes keep running. The console of the second one, in a browser on this machine:

  ${url}

Open a layer of the image there, then run a container: the chunks light up that it reads. This node brings no others
(--background-rate 0).

In another terminal, from this folder:

  export LADE_ADDRESS=${second.address}
  npm run -s lade -- images
  npm run -s lade -- run --rm -it ${reference} sh
  npm run -s lade -- events --follow
  npm run -s lade -- verify ${reference}
  npm run -s lade -- doctor
  tail -f ${second.logFile}

Ctrl-C ends the tour and removes everything.`);
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  say('');
}

async function timed<T>(work: () => Promise<T>): Promise<[result: T, ms: number]> {
  const started = performance.now();
  const result = await work();
  return [result, performance.now() - started];
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '     ');
}
