import { CodedError } from '@lade/errors';
import type { MonthlyRequests } from './request-totals.ts';

/** How a node is doing at a moment. */
export interface NodeFigures {
  readonly fillMode: string;
  readonly layers: number;
  /** What its layers occupy on its disk. */
  readonly diskBytes: number;
  readonly uploadsWaiting: number;
}

/** What a node tells of itself in the bucket. Times are ISO 8601, UTC. */
export interface NodeRecord extends NodeFigures {
  readonly name: string;
  readonly version: string;
  /** When this daemon was started. */
  readonly startedAt: string;
  readonly seenAt: string;
  /** When it was stopped; missing while it runs, and after a crash. */
  readonly stoppedAt?: string;
  /** It is seen again within so many seconds at the latest, while all is well. */
  readonly beatSeconds: number;
  /** What it has asked of the bucket, over all its daemons. */
  readonly requests: MonthlyRequests;
  /** Since when these are counted. */
  readonly countedSince: string;
}

const FORMAT = 1;
/** Any of them may be lost to a bucket in trouble. */
const MISSED_BEATS = 3;

export const NODES_PREFIX = 'nodes/';

/** Of the record of the node with this name. */
export function nodeKey(name: string): string {
  return NODES_PREFIX + name;
}

export function encodeNodeRecord(record: NodeRecord): Uint8Array {
  return Buffer.from(`${JSON.stringify({ format: FORMAT, ...record })}\n`);
}

/** Throws `data_loss` for bytes that are no record, `unimplemented` for one of a later format. */
export function decodeNodeRecord(bytes: Uint8Array, key: string): NodeRecord {
  const { format, ...record } = parse(bytes) ?? {};
  if (typeof format === 'number' && format > FORMAT) {
    throw new CodedError('unimplemented', `Cannot read ${key}: it is of format ${format}`, {
      cure: 'Use the release that wrote it, or a newer one',
    });
  }
  if (format !== FORMAT || !isRecord(record))
    throw new CodedError('data_loss', `Cannot read ${key}: it is no record of a node`);
  return record;
}

/** Whether it should have been seen by now, and was not stopped. */
export function isGone({ seenAt, stoppedAt, beatSeconds }: NodeRecord, nowMs: number): boolean {
  return stoppedAt === undefined && nowMs - Date.parse(seenAt) > MISSED_BEATS * beatSeconds * 1000;
}

function parse(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function isRecord(value: object): value is NodeRecord {
  const record = value as Record<keyof NodeRecord, unknown>;
  const texts = [record.name, record.version, record.startedAt, record.seenAt, record.fillMode];
  const numbers = [record.beatSeconds, record.layers, record.diskBytes, record.uploadsWaiting];
  return (
    texts.every((text) => typeof text === 'string') &&
    numbers.every((number) => typeof number === 'number') &&
    typeof record.requests === 'object' &&
    record.requests !== null
  );
}
