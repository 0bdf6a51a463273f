/**
 * Where the bytes of a chunk came from: packs of the `bucket`, its stream of `hot` chunks, `copied` from another layer of this node,
 * `adopted` from their own file, or nowhere, as they are `zero`.
 */
export const FILL_SOURCES = ['bucket', 'hot', 'copied', 'adopted', 'zero'] as const;
export type FillSource = (typeof FILL_SOURCES)[number];

/** What was made resident: chunks, and bytes as they are in the blob. Numbers that only grow. */
export interface FillFigures {
  chunks: number;
  bytes: number;
}

export type Fills = Readonly<Record<FillSource, FillFigures>>;

export function createFills(): Fills {
  const none = (): FillFigures => ({ chunks: 0, bytes: 0 });
  return { bucket: none(), hot: none(), copied: none(), adopted: none(), zero: none() };
}

export function countFill(fills: Fills, source: FillSource, bytes: number): void {
  fills[source].chunks++;
  fills[source].bytes += bytes;
}
