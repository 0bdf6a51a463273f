import { computed, defineComponent, ref } from 'vue';
import type { Trace, TraceChunk } from '@lade/control-protocol';
import { formatBytes, formatCount } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';

const [WIDTH, HEIGHT] = [1000, 150];
const FIRST_FILES = 12;

/** A start as a line of dots: when a chunk was touched, and where it is in the blob. */
export const TraceLine = defineComponent(
  (props: { readonly trace: Trace; readonly blobBytes: number }) => {
    const pointed = ref<TraceChunk>();
    const dots = computed(() => plot(props.trace, props.blobBytes));
    const files = computed(() => firstFiles(props.trace.chunks));
    const point = (event: PointerEvent): void => {
      const { left, width } = (event.currentTarget as Element).getBoundingClientRect();
      const at = Math.floor(((event.clientX - left) / width) * props.trace.chunks.length);
      pointed.value = props.trace.chunks[at];
    };
    return () => {
      const words = t().layer;
      const { chunks } = props.trace;
      const size = chunks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      return (
        <div class="trace">
          <p class="quiet">{words.traceText}</p>
          <svg
            class="trace-plot"
            viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={words.traceCount(formatCount(chunks.length), formatBytes(size))}
            onPointermove={point}
            onPointerleave={() => (pointed.value = undefined)}
          >
            <path class="trace-dots" d={dots.value} />
          </svg>
          <p class="trace-tip">
            {pointed.value === undefined ? (
              words.traceCount(formatCount(chunks.length), formatBytes(size))
            ) : (
              <span class="chunk-facts">
                <strong>{words.chunk(formatCount(pointed.value.number))}</strong>
                <span>{formatBytes(pointed.value.sizeBytes)}</span>
                <code>{pointed.value.path ?? words.noFile}</code>
              </span>
            )}
          </p>
          <h3>{words.firstFiles}</h3>
          <ol class="first-files">
            {files.value.map(({ path, sizeBytes }) => (
              <li key={path}>
                <code class="break">{path}</code>
                <span class="number">{formatBytes(sizeBytes)}</span>
              </li>
            ))}
          </ol>
        </div>
      );
    };
  },
  { props: ['trace', 'blobBytes'] },
);

/** One short stroke a chunk: a single path, however many there are. */
function plot({ chunks }: Trace, blobBytes: number): string {
  const step = WIDTH / Math.max(1, chunks.length);
  return chunks
    .map(({ offset }, i) => {
      const y = 3 + (offset / Math.max(1, blobBytes)) * (HEIGHT - 6);
      return `M${(i * step).toFixed(1)} ${y.toFixed(1)}h${Math.max(step, 1.5).toFixed(1)}`;
    })
    .join('');
}

function firstFiles(
  chunks: readonly TraceChunk[],
): readonly { readonly path: string; readonly sizeBytes: number }[] {
  const sizes = new Map<string, number>();
  for (const { path, sizeBytes } of chunks) {
    if (path === undefined || (sizes.size >= FIRST_FILES && !sizes.has(path))) continue;
    sizes.set(path, (sizes.get(path) ?? 0) + sizeBytes);
  }
  return [...sizes].map(([path, sizeBytes]) => ({ path, sizeBytes }));
}
