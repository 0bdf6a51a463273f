export { listNodes } from './list-nodes.ts';
export { NodeBeat, type NodeBeatOptions } from './node-beat.ts';
export { isGone, nodeKey, type NodeFigures, type NodeRecord } from './node-record.ts';
export { RequestTotals, type MonthlyRequests } from './request-totals.ts';
