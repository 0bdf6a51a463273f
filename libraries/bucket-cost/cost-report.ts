import type { BucketKind, BucketRequests, NodeSummary } from '@lade/control-protocol';
import { costOfRequests, costOfStored, type Prices } from './prices.ts';

/** What all nodes together have asked of the bucket, and what it stores; with prices also what that may cost. */
export interface CostReport {
  readonly months: readonly {
    readonly month: string;
    readonly requests: BucketRequests;
    readonly cost?: number;
  }[];
  /** As of now, for a whole month. */
  readonly stored: readonly (BucketKind & { readonly cost?: number })[];
  readonly prices?: Prices;
}

export function costReport(
  nodes: readonly NodeSummary[],
  stored: readonly BucketKind[],
  prices: Prices | undefined,
): CostReport {
  const names = [...new Set(nodes.flatMap(({ requests }) => Object.keys(requests)))].sort();
  const months = names.map((month) => {
    const requests = addUp(nodes.flatMap((node) => node.requests[month] ?? []));
    return { month, requests, ...(prices ? { cost: costOfRequests(requests, prices) } : {}) };
  });
  const kinds = stored.map((kind) => ({
    ...kind,
    ...(prices ? { cost: costOfStored(kind.bytes, prices) } : {}),
  }));
  return { months, stored: kinds, ...(prices ? { prices } : {}) };
}

function addUp(all: readonly BucketRequests[]): BucketRequests {
  const sum = (name: keyof BucketRequests): BucketRequests['read'] => {
    const total = { requests: 0, errors: 0, sentBytes: 0, receivedBytes: 0 };
    for (const { [name]: figures } of all) {
      total.requests += figures.requests;
      total.errors += figures.errors;
      total.sentBytes += figures.sentBytes;
      total.receivedBytes += figures.receivedBytes;
    }
    return total;
  };
  return { read: sum('read'), write: sum('write'), list: sum('list'), delete: sum('delete') };
}
