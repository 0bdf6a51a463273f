import type { ChunkState, ChunkTable } from './decode-map.ts';
import type { MapLayout } from './map-layout.ts';

/** How long a chunk that was touched stays lit. */
const FADE_MS = 2200;
const LEVELS = 64;

/** Red, green and blue, 0 to 255. */
export type Colour = readonly [number, number, number];

export interface Palette {
  readonly missing: Colour;
  readonly resident: Colour;
  readonly evicted: Colour;
  readonly touched: Colour;
  readonly ground: string;
  readonly cursor: string;
}

interface HeatMapOptions {
  readonly canvas: HTMLCanvasElement;
  readonly table: ChunkTable;
  /** Touched chunks go out at once at the end of their time, instead of fading. */
  readonly still: boolean;
}

/**
 * Paints a layer's chunks: one pixel a chunk in one image, put up once a frame and enlarged by the browser. Frames are asked for only
 * while something changes, so that a map at rest costs nothing.
 */
export class HeatMap implements Disposable {
  readonly #canvas: HTMLCanvasElement;
  readonly #table: ChunkTable;
  readonly #still: boolean;
  readonly #small = document.createElement('canvas');
  /** When each chunk was touched last, on the clock of frames; 0 for never. */
  readonly #touchedAt: Float64Array;
  #lookup = new Uint32Array(3 * LEVELS);
  #palette: Palette | undefined;
  #layout: MapLayout | undefined;
  #image: ImageData | undefined;
  #cursor: number | undefined;
  #litUntil = 0;
  #frame = 0;
  /** How many frames were painted: what a benchmark looks at. */
  frames = 0;

  constructor({ canvas, table, still }: HeatMapOptions) {
    this.#canvas = canvas;
    this.#table = table;
    this.#still = still;
    this.#touchedAt = new Float64Array(table.count);
  }

  setPalette(palette: Palette): void {
    this.#palette = palette;
    const bases = [palette.missing, palette.resident, palette.evicted];
    this.#lookup = Uint32Array.from({ length: 3 * LEVELS }, (_, i) =>
      mix(bases[Math.floor(i / LEVELS)] ?? palette.missing, palette.touched, (i % LEVELS) / (LEVELS - 1)),
    );
    this.#ask();
  }

  setLayout(layout: MapLayout): void {
    this.#layout = layout;
    this.#small.width = layout.columns;
    this.#small.height = layout.rows;
    this.#image = new ImageData(layout.columns, layout.rows);
    const ratio = Math.max(1, Math.round(devicePixelRatio));
    this.#canvas.width = layout.columns * layout.cell * ratio;
    this.#canvas.height = layout.rows * layout.cell * ratio;
    this.#canvas.style.width = `${layout.columns * layout.cell}px`;
    this.#canvas.style.height = `${layout.rows * layout.cell}px`;
    this.#ask();
  }

  setCursor(chunk: number | undefined): void {
    this.#cursor = chunk;
    this.#ask();
  }

  setState(chunks: Iterable<number>, state: ChunkState): void {
    for (const chunk of chunks) this.#table.states[chunk] = state;
    this.#ask();
  }

  touch(chunks: Iterable<number>): void {
    const now = performance.now();
    for (const chunk of chunks) this.#touchedAt[chunk] = now;
    this.#litUntil = now + FADE_MS;
    this.#ask();
  }

  [Symbol.dispose](): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = -1;
  }

  #ask(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame((now) => {
      this.#frame = 0;
      this.#paint(now);
      if (now < this.#litUntil) this.#ask();
    });
  }

  #paint(now: number): void {
    const [layout, image, palette] = [this.#layout, this.#image, this.#palette];
    if (!layout || !image || !palette) return;
    this.#fillPixels(new Uint32Array(image.data.buffer), now);
    this.#small.getContext('2d')?.putImageData(image, 0, 0);
    const context = this.#canvas.getContext('2d');
    if (!context) return;
    const { width, height } = this.#canvas;
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, width, height);
    context.drawImage(this.#small, 0, 0, width, height);
    this.#drawGaps(context, layout, palette);
    this.#drawCursor(context, layout, palette);
    this.frames++;
  }

  #fillPixels(pixels: Uint32Array, now: number): void {
    const { count, states } = this.#table;
    const [touchedAt, lookup, still] = [this.#touchedAt, this.#lookup, this.#still];
    for (let i = 0; i < count; i++) {
      const at = touchedAt[i] as number;
      let level = 0;
      if (at > 0) {
        const left = 1 - (now - at) / FADE_MS;
        if (left <= 0) touchedAt[i] = 0;
        else level = still ? LEVELS - 1 : Math.min(LEVELS - 1, (left * LEVELS) | 0);
      }
      pixels[i] = lookup[(states[i] as number) * LEVELS + level] as number;
    }
  }

  #drawGaps(context: CanvasRenderingContext2D, layout: MapLayout, { ground }: Palette): void {
    if (layout.gap === 0) return;
    const { width, height } = this.#canvas;
    const side = width / layout.columns;
    const gap = Math.max(1, (layout.gap * side) / layout.cell);
    context.fillStyle = ground;
    for (let x = 1; x <= layout.columns; x++) context.fillRect(x * side - gap, 0, gap, height);
    for (let y = 1; y <= layout.rows; y++) context.fillRect(0, y * side - gap, width, gap);
  }

  #drawCursor(context: CanvasRenderingContext2D, layout: MapLayout, { cursor }: Palette): void {
    if (this.#cursor === undefined) return;
    const side = this.#canvas.width / layout.columns;
    const [x, y] = [this.#cursor % layout.columns, Math.floor(this.#cursor / layout.columns)];
    context.strokeStyle = cursor;
    context.lineWidth = 2;
    const grow = Math.max(0, 6 - side);
    context.strokeRect(x * side - 1 - grow, y * side - 1 - grow, side + 1 + 2 * grow, side + 1 + 2 * grow);
  }
}

/** As the pixels of an image lie in memory, little-endian: alpha, blue, green, red. */
function mix(from: Colour, to: Colour, part: number): number {
  const [red, green, blue] = [0, 1, 2].map((i) =>
    Math.round((from[i] ?? 0) + ((to[i] ?? 0) - (from[i] ?? 0)) * part),
  ) as [number, number, number];
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
