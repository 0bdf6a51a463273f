import { BUCKET_STATES, type RequestFigures } from '@lade/bucket';
import type { Metric } from '@lade/control-service';
import { FILL_SOURCES, WAIT_CAUSES, residentBytes, type FillFigures } from '@lade/residency';
import type { Observation } from './observe.ts';
import type { Platform } from './open-platform.ts';
import type { Timings } from './timings.ts';
import { toSamples } from './to-samples.ts';
import { VERSION } from './version.ts';

/** What Prometheus is told (docs/reference/metrics.md). */
export async function readMetrics(platform: Platform, timings: Observation['timings']): Promise<Metric[]> {
  return [
    ...timeMetrics(timings),
    ...bucketMetrics(platform),
    ...healthMetrics(platform),
    ...fillMetrics(platform),
    ...(await layerMetrics(platform)),
    ...daemonMetrics(platform),
  ];
}

function timeMetrics({ calls, bucket, work, starts }: Observation['timings']): Metric[] {
  const times = (name: string, help: string, of: Timings): Metric => ({
    name,
    type: 'histogram',
    help,
    samples: of.samples(),
  });
  return [
    times('lade_containerd_call_seconds', 'Calls of containerd, by whether they failed.', calls),
    times(
      'lade_bucket_operation_seconds',
      'What was done with objects, with all tries, by how it ended.',
      bucket,
    ),
    times('lade_work_seconds', 'What the daemon did itself, by how it ended.', work),
    times('lade_start_seconds', 'Starts of containers, from snapshot to process.', starts),
  ];
}

function bucketMetrics({ requests: { counts } }: Platform): Metric[] {
  const perClass = (name: string, help: string, of: (figures: RequestFigures) => number): Metric => ({
    ...counter(name, help, 0),
    samples: Object.entries(counts).map(([kind, figures]) => ({
      labels: { class: kind },
      value: of(figures),
    })),
  });
  return [
    perClass('lade_bucket_requests_total', 'Requests to the bucket.', ({ requests }) => requests),
    perClass('lade_bucket_errors_total', 'Of those, not answered or refused.', ({ errors }) => errors),
    perClass('lade_bucket_sent_bytes_total', 'Sent to the bucket.', ({ sentBytes }) => sentBytes),
    perClass('lade_bucket_received_bytes_total', 'Got from it.', ({ receivedBytes }) => receivedBytes),
  ];
}

/** As of the last thing that was done with it: who is scraped all day asks nothing for that. */
function healthMetrics({ health: { condition }, clock }: Platform): Metric[] {
  const aheadMs = clock.aheadMs();
  return [
    {
      ...gauge('lade_bucket_state', 'How the last requests to the bucket went: 1 for the state it is in.', 0),
      samples: BUCKET_STATES.map((state) => ({
        labels: { state },
        value: state === condition.state ? 1 : 0,
      })),
    },
    optional(
      gauge(
        'lade_bucket_clock_ahead_seconds',
        "What the bucket's clock is ahead of this node's.",
        (aheadMs ?? 0) / 1000,
      ),
      aheadMs,
    ),
  ];
}

function fillMetrics({ counters }: Platform): Metric[] {
  const bySource = (name: string, help: string, of: (figures: FillFigures) => number): Metric => ({
    ...counter(name, help, 0),
    samples: FILL_SOURCES.map((source) => ({ labels: { source }, value: of(counters.fills[source]) })),
  });
  const ended = sum(Object.values(counters.readWaits).map(({ count }) => count));
  return [
    bySource('lade_fill_chunks_total', 'Chunks made resident, by where they came from.', (it) => it.chunks),
    bySource('lade_fill_bytes_total', 'Their bytes, as they are in the blob.', (it) => it.bytes),
    waitMetric(counters),
    gauge('lade_reads_waiting', 'Reads that wait now.', counters.waits - ended),
    counter(
      'lade_fill_failed_chunks_total',
      'Chunks that could not be made resident.',
      counters.failedChunks,
    ),
    counter(
      'lade_fill_fetched_bytes_total',
      'Asked of the bucket for fills, as stored.',
      counters.fetchedBytes,
    ),
    counter('lade_fill_requests_total', 'Requests to the bucket for fills.', counters.requests),
    counter('lade_fill_retries_total', 'Requests that repeat one that failed.', counters.retries),
    counter('lade_fill_hedges_total', 'Second requests beside one that was slow.', counters.hedges),
    counter('lade_evicted_bytes_total', 'Given up for the cache size.', counters.evictedBytes),
    counter(
      'lade_verification_failures_total',
      'Chunks and files that proved damaged.',
      counters.verificationFailures,
    ),
    counter('lade_healed_total', 'Of those, replaced by a sound copy.', counters.healed),
  ];
}

function waitMetric({ readWaits }: Platform['counters']): Metric {
  const help = 'Reads that had to wait, by where the last of their bytes came from.';
  const samples = WAIT_CAUSES.flatMap((source) => toSamples(readWaits[source], { source }));
  return { name: 'lade_read_wait_seconds', type: 'histogram', help, samples };
}

async function layerMetrics({ layers, snapshotter, uploads, content }: Platform): Promise<Metric[]> {
  const rows = layers.list();
  const inspected = await Promise.all(rows.map(async ({ diffId }) => layers.inspect(diffId)));
  const resident = await Promise.all(inspected.map(residentBytes));
  return [
    gauge('lade_layers', 'Layers on this node.', rows.length),
    gauge(
      'lade_plain_snapshots',
      'Layers kept as containerd unpacked them.',
      snapshotter.plainSnapshots().length,
    ),
    gauge('lade_layer_blob_bytes', 'File data of all layers.', sum(rows.map(({ blobBytes }) => blobBytes))),
    gauge('lade_layer_resident_bytes', 'Of that, what is checked and here.', sum(resident)),
    gauge(
      'lade_layer_disk_bytes',
      'What layers occupy on the disk.',
      sum(rows.map(({ diskBytes }) => diskBytes)),
    ),
    {
      ...gauge('lade_uploads_waiting', 'What the bucket has still to get.', 0),
      samples: [
        { labels: { kind: 'layer' }, value: uploads.status().waiting },
        { labels: { kind: 'content' }, value: content.uploads().waiting },
      ],
    },
  ];
}

function daemonMetrics({ fillMode, cacheLimitBytes, keeperRestarts }: Platform): Metric[] {
  const info = { version: VERSION, fill: fillMode };
  const started = Date.now() / 1000 - process.uptime();
  return [
    {
      ...gauge('lade_info', 'Version and fill mode of this daemon.', 1),
      samples: [{ labels: info, value: 1 }],
    },
    optional(
      gauge('lade_cache_limit_bytes', 'The cache size, where there is one.', cacheLimitBytes ?? 0),
      cacheLimitBytes,
    ),
    optional(
      counter(
        'lade_keeper_restarts_total',
        'Daemons that were started again after a crash.',
        keeperRestarts ?? 0,
      ),
      keeperRestarts,
    ),
    gauge('process_resident_memory_bytes', 'Memory of the daemon.', process.memoryUsage.rss()),
    counter('process_cpu_seconds_total', 'Time of processors that the daemon took.', cpuSeconds()),
    gauge('process_start_time_seconds', 'Since 1970.', started),
  ];
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function counter(name: string, help: string, value: number): Metric {
  return { name, type: 'counter', help, samples: [{ value }] };
}

function gauge(name: string, help: string, value: number): Metric {
  return { name, type: 'gauge', help, samples: [{ value }] };
}

/** Without samples where there is no such thing. */
function optional(metric: Metric, value: number | undefined): Metric {
  return value === undefined ? { ...metric, samples: [] } : metric;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
