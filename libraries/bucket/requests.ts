/** As clouds price them: GET and HEAD, PUT and POST and COPY, lists, deletions. */
export type RequestClass = 'read' | 'write' | 'list' | 'delete';

/** A request that was really made, a further try and a part of an upload included; an operation where no request is. */
export interface BucketRequest {
  readonly class: RequestClass;
  /** Not answered, or refused by the store; that something is missing or not as expected is an answer. */
  readonly isError: boolean;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export interface RequestFigures {
  requests: number;
  errors: number;
  sentBytes: number;
  receivedBytes: number;
}

/** How many requests of each class; numbers that only grow. */
export type RequestCounts = Readonly<Record<RequestClass, RequestFigures>>;

export function createRequestCounts(): RequestCounts {
  const none = (): RequestFigures => ({ requests: 0, errors: 0, sentBytes: 0, receivedBytes: 0 });
  return { read: none(), write: none(), list: none(), delete: none() };
}

export function countRequest(counts: RequestCounts, request: BucketRequest): void {
  const figures = counts[request.class];
  figures.requests++;
  if (request.isError) figures.errors++;
  figures.sentBytes += request.sentBytes;
  figures.receivedBytes += request.receivedBytes;
}
