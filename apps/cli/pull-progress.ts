import type { PullEvent } from '@lade/control-protocol';
import type { Terminal } from './command.ts';
import { formatBytes } from './format-bytes.ts';
import { formatDigest } from './format-digest.ts';
import { formatDuration } from './format-duration.ts';
import { printable } from './printable.ts';
import { ProgressLines } from './progress-lines.ts';

type EndEvent = Extract<PullEvent, { readonly kind: 'restored' }>;
type LayerEvent = Extract<PullEvent, { readonly number: number }>;

const BAR = 30;

/** Tells a pull: a line for each layer on a terminal, drawn anew as things happen; elsewhere a line for what is new. */
export class PullProgress implements Disposable {
  readonly #terminal: Terminal;
  readonly #lines: ProgressLines;
  readonly #begun = performance.now();
  #traceId: string | undefined;
  readonly #layers = new Map<number, LayerEvent>();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#lines = new ProgressLines(terminal.stderr);
  }

  tell(event: PullEvent): void {
    if (event.kind === 'traced') this.#traceId = event.traceId;
    else if (event.kind === 'resolved') this.#layers.clear();
    else if (event.kind === 'restored') this.#tellEnd(event);
    else this.#tellLayer(event);
  }

  /** Where to read what has happened, of a pull that did not come to its end. */
  tellFailure(): void {
    this.#lines.clear();
    if (this.#traceId !== undefined)
      this.#terminal.stderr.write(`everything about this pull: lade events --trace ${this.#traceId}\n`);
  }

  [Symbol.dispose](): void {
    this.#lines[Symbol.dispose]();
  }

  #tellLayer(event: LayerEvent): void {
    const isNew = this.#layers.get(event.number)?.kind !== event.kind;
    this.#layers.set(event.number, event);
    const { stdout, stderr } = this.#terminal;
    if (stderr.isTTY) this.#lines.show(this.#draw(stderr.rows));
    else if (isNew && event.kind === 'downloading')
      stdout.write(`${formatDigest(event.diffId)} downloading, ${formatBytes(event.totalBytes)}\n`);
    else if (isNew && event.kind === 'present') stdout.write(`${formatDigest(event.diffId)} present\n`);
  }

  #tellEnd(event: EndEvent): void {
    this.#lines.clear();
    const { name, digest } = event;
    const took = formatDuration(performance.now() - this.#begun);
    this.#terminal.stdout.write(`${printable(name)} ${formatDigest(digest)} ${describeEnd(event, took)}\n`);
  }

  /** What is over makes room where there are more layers than rows. */
  #draw(rows = 24): string[] {
    const layers = [...this.#layers.values()].sort((a, b) => a.number - b.number);
    const going = layers.filter(({ kind }) => kind !== 'present');
    return (layers.length < rows ? layers : going.slice(0, rows - 1)).map(lineOf);
  }
}

function describeEnd({ source, downloadedBytes, layersToUpload = 0 }: EndEvent, took: string): string {
  const uploads =
    layersToUpload === 0
      ? ''
      : `; ${layersToUpload} ${layersToUpload === 1 ? 'layer goes' : 'layers go'} to the bucket`;
  if (source === 'bucket') return `restored from the bucket in ${took}${uploads}`;
  const bytes = downloadedBytes === undefined ? '' : `, ${formatBytes(downloadedBytes)}`;
  return `pulled from ${source ?? 'bucket or registry'}${bytes} in ${took}${uploads}`;
}

function lineOf(event: LayerEvent): string {
  const layer = `${event.number}/${event.of} ${formatDigest(event.diffId)}`;
  if (event.kind !== 'downloading') return `${layer} ${event.kind}`;
  const { bytes, totalBytes } = event;
  const done = totalBytes === 0 ? BAR : Math.min(BAR, Math.floor((bytes / totalBytes) * BAR));
  const bar = `${'█'.repeat(done)}${'░'.repeat(BAR - done)}`;
  return `${layer} ${bar} ${formatBytes(bytes)} of ${formatBytes(totalBytes)}`;
}
