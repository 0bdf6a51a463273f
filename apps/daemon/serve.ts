import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CallTraces, contentHandlers, diffHandlers, snapshotHandlers } from '@lade/containerd-services';
import { wrapError } from '@lade/errors';
import { GrpcServer } from '@lade/grpc';
import { shareHeap } from '@lade/linux';
import type { Logger } from '@lade/log';
import { Content } from '@lade/protocol/content';
import { Diff } from '@lade/protocol/diff';
import { Snapshots } from '@lade/protocol/snapshots';
import { KnownTraces, startExport, watchWork } from '@lade/tracing';
import { agreedTerms } from './agreed-terms.ts';
import { parseConfig, type DaemonConfig } from './config.ts';
import { ContainerdNode } from './containerd-node.ts';
import { createContentConverter } from './convert-content.ts';
import { ImagePublisher } from './image-publisher.ts';
import { ImageWatch } from './image-watch.ts';
import { LayerConverter } from './layer-converter.ts';
import { createLayerMaker } from './layer-maker.ts';
import { createLayerUnpacker } from './layer-unpacker.ts';
import { observe } from './observe.ts';
import { openControl } from './open-control.ts';
import { startNodeBeat } from './start-node-beat.ts';
import { openPlatform } from './open-platform.ts';
import { releaseMemory, releaseMemoryWhenIdle } from './release-memory.ts';
import { VERSION } from './version.ts';
import { watchStarts } from './watch-starts.ts';

const SNAPSHOTTER = 'lade';

/** `lade serve`: runs until SIGTERM or SIGINT. Throws what keeps it from running. */
export async function serve(argv: readonly string[]): Promise<void> {
  shareHeap();
  const config = parseConfig(argv, process.env);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGTERM', onSignal).once('SIGINT', onSignal);
  // Whoever has read the log may be gone; this process goes on.
  process.stderr.on('error', () => {});
  await runDaemon(config, stop.signal);
  // An exporter of spans goes on asking a collector that does not answer; whoever starts the next daemon waits for our end.
  if (Object.keys(config.telemetry).length > 0) process.exit(0);
}

async function runDaemon(config: DaemonConfig, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const traces = new KnownTraces();
  const callTraces = new CallTraces(traces);
  const observation = observe((line) => process.stderr.write(line), config.logLevel, callTraces);
  const { log, calls, tellBucket, timings } = observation;
  stack.use(watchWork((name, ms, error) => timings.work.count(name, error ?? 'ok', ms)));
  await startSpans(config, log, stack);
  // Before the last spans are sent.
  stack.use(callTraces);
  const node = stack.use(new ContainerdNode(config.containerd));
  let uploaded = (): void => {};
  let unpacked = (): void => {};
  const hooks = {
    log,
    tellBucket,
    uploaded: () => uploaded(),
    unpacked: () => unpacked(),
    terms: agreedTerms(node),
  };
  const platform = stack.use(await openPlatform(config, hooks));
  await mkdir(dirname(config.address), { recursive: true, mode: 0o711 }).catch((reason: unknown) => {
    throw wrapError(reason, `Cannot listen on ${config.address}`, { cure: 'Choose another --address' });
  });
  const server = stack.use(new GrpcServer({ watch: calls }));
  const conversion = { maxTarBytes: config.maxLayerBytes, log };
  const convert = createContentConverter(platform, node, conversion);
  const unpacker = createLayerUnpacker(platform, convert);
  const maker = createLayerMaker(platform, node, conversion);
  server.add(Snapshots, snapshotHandlers(platform.snapshotter));
  server.add(Content, contentHandlers(platform.content.store, platform.content.ingests));
  server.add(Diff, diffHandlers(platform.snapshotter, { unpacker, maker, traces: callTraces }));
  await server.listen(config.address);
  const starts = stack.use(watchStarts(platform, { ...observation, node, traces, snapshotter: SNAPSHOTTER }));
  stack.use(await openControl(config, platform, { ...observation, node, starts, traces }));
  await platform.serving();
  platform.uses.renew().catch((error: unknown) => log.warn('bucket was not told what is used', { error }));
  platform.uploads.start();
  platform.content.start();
  const publisher = stack.use(new ImagePublisher(node, { ...platform, traces }, log));
  const converter = stack.use(new LayerConverter({ ...platform, node, convert, traces, log }));
  stack.use(
    new ImageWatch(node, log, () => {
      publisher.wake();
      converter.wake();
    }),
  );
  if (config.recordNode) stack.use(startNodeBeat(config, platform, log));
  unpacked = () => converter.wake();
  uploaded = () => {
    publisher.wake();
    releaseMemory();
    platform.snapshotter.cleanup().catch((error: unknown) => log.warn('cleanup failed', { error }));
  };
  log.info('ready', {
    root: config.root,
    address: config.address,
    bucket: platform.bucket.location,
    fill: platform.fillMode,
    restarts: platform.keeperRestarts,
  });
  releaseMemoryWhenIdle();
  process.stdout.write(`ready address=${config.address} bucket=${platform.bucket.location}\n`);
  await aborted(signal);
  log.info('stopping');
  platform.leave();
}

/** What cannot be exported is no reason not to serve. */
async function startSpans(
  { telemetry }: DaemonConfig,
  log: Logger,
  stack: AsyncDisposableStack,
): Promise<void> {
  try {
    const options = { variables: telemetry, serviceName: 'lade', version: VERSION, log };
    const exporting = await startExport(options);
    if (exporting) stack.use(exporting);
  } catch (error) {
    log.warn('spans are not exported', { error });
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
