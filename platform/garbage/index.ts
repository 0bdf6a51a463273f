export { BucketSummary, readObjectsPage } from './bucket-pages.ts';
export { collectGarbage } from './collect-garbage.ts';
export { NodeUses } from './node-uses.ts';
export { beginReuse, type Reuse } from './reuse.ts';
