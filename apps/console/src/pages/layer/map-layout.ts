/** How a map of so many chunks is laid out: rows of square cells, filled from the left. */
export interface MapLayout {
  readonly columns: number;
  readonly rows: number;
  /** The side of a cell, its gap included, in pixels of the page. */
  readonly cell: number;
  readonly gap: number;
}

const LARGEST = 16;
const SMALLEST = 2;
const WANTED_HEIGHT = 400;

/** The largest cells with which the map is not higher than it should be; a very large layer gets a higher map. */
export function layOut(count: number, width: number): MapLayout {
  let cell = LARGEST;
  while (cell > SMALLEST && Math.ceil(count / columnsOf(width, cell)) * cell > WANTED_HEIGHT) cell--;
  const columns = columnsOf(width, cell);
  return { columns, rows: Math.max(1, Math.ceil(count / columns)), cell, gap: cell >= 5 ? 1 : 0 };
}

/** Undefined outside of the chunks. */
export function chunkAt(
  { columns, cell }: MapLayout,
  count: number,
  x: number,
  y: number,
): number | undefined {
  const column = Math.floor(x / cell);
  const chunk = Math.floor(y / cell) * columns + column;
  return column >= 0 && column < columns && chunk >= 0 && chunk < count ? chunk : undefined;
}

/** Where the arrow keys, Home, End and the page keys lead; undefined for another key. */
export function moveCursor(
  { columns }: MapLayout,
  count: number,
  from: number,
  key: string,
): number | undefined {
  const targets: Readonly<Record<string, number>> = {
    ArrowLeft: from - 1,
    ArrowRight: from + 1,
    ArrowUp: from - columns,
    ArrowDown: from + columns,
    PageUp: from - columns * 10,
    PageDown: from + columns * 10,
    Home: 0,
    End: count - 1,
  };
  const target = targets[key];
  return target === undefined ? undefined : Math.max(0, Math.min(count - 1, target));
}

function columnsOf(width: number, cell: number): number {
  return Math.max(1, Math.floor(width / cell));
}
