/** One column of the closing table. */
export interface NodeFigures {
  readonly name: string;
  readonly pullMs: number;
  readonly startMs: number;
  readonly fromOriginBytes: number | undefined;
  readonly fromBucketBytes: number;
  readonly layers: number;
}

/** The closing table: nodes side by side, then what the bucket holds. */
export function formatReport(
  nodes: readonly NodeFigures[],
  bucket: ReadonlyMap<string, { readonly objects: number; readonly bytes: number }>,
): string {
  const rows = [
    ['', ...nodes.map(({ name }) => name)],
    ['image brought in', ...nodes.map(({ pullMs }) => seconds(pullMs))],
    ['container run', ...nodes.map(({ startMs }) => seconds(startMs))],
    [
      'bytes from the origin',
      ...nodes.map(({ fromOriginBytes: b }) => (b === undefined ? '?' : megabytes(b))),
    ],
    ['bytes from the bucket', ...nodes.map(({ fromBucketBytes }) => megabytes(fromBucketBytes))],
    ['layers mounted as EROFS', ...nodes.map(({ layers }) => String(layers))],
  ];
  const objects = [...bucket].map(([kind, { objects, bytes }]) => [
    `${kind}/`,
    String(objects),
    megabytes(bytes),
  ]);
  return `${align(rows)}\n\n${align([['in the bucket', 'objects', 'size'], ...objects])}\n`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

export function megabytes(bytes: number): string {
  return bytes > 0 && bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const cell = (text: string, i: number): string =>
    i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0);
  return rows.map((row) => `  ${row.map(cell).join('   ')}`.trimEnd()).join('\n');
}
