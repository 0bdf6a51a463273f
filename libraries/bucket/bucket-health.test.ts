import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError, codeOf, type ErrorCode } from '@lade/errors';
import { BucketHealth } from './bucket-health.ts';
import type { BucketEvent } from './watch-bucket.ts';

type Operation = BucketEvent['operation'];

class Bed {
  readonly health = new BucketHealth('s3://bucket/');

  /** What went well, or a failure; gives the state that it brings. */
  tell(operation: Operation, reason?: Error): string {
    const code = reason ? { code: codeOf(reason) } : {};
    this.health.tell({ operation, key: 'a', ms: 1, ...code }, reason);
    return this.health.condition.state;
  }
}

function failure(code: ErrorCode, cure?: string): CodedError {
  return new CodedError(code, `Cannot do it: ${code}`, cure === undefined ? {} : { cure });
}

test('nothing is known of a bucket of which nothing was asked', () => {
  const { condition } = new BucketHealth('');
  assert.deepEqual(
    [condition.state, condition.lastSuccessAt, condition.lastFailure],
    ['unknown', undefined, undefined],
  );
});

const STATES = {
  unavailable: 'unreachable',
  deadline_exceeded: 'unreachable',
  resource_exhausted: 'unreachable',
  permission_denied: 'refused',
  unauthenticated: 'refused',
  not_found: 'healthy',
  already_exists: 'healthy',
  aborted: 'healthy',
  failed_precondition: 'healthy',
  cancelled: 'unknown',
  invalid_argument: 'unknown',
} as const satisfies Partial<Record<ErrorCode, string>>;

for (const [code, state] of Object.entries(STATES))
  test(`a bucket whose answer is ${code} is ${state}`, () => {
    assert.equal(new Bed().tell('put', failure(code as ErrorCode)), state);
  });

test('a missing bucket and a wrong region are refusals, because there is a cure for them', () => {
  for (const code of ['failed_precondition', 'invalid_argument'] as const)
    assert.equal(new Bed().tell('get', failure(code, 'Create the bucket')), 'refused');
});

test('what is missing for a HEAD says nothing', () => {
  const bed = new Bed();
  bed.tell('get', failure('failed_precondition', 'Create the bucket'));
  assert.equal(bed.tell('head', failure('not_found')), 'refused');
});

test('a bucket that answers anything is reachable again, though it may still have no room', () => {
  const bed = new Bed();
  assert.equal(bed.tell('get', failure('unavailable')), 'unreachable');
  assert.equal(bed.tell('put', failure('deadline_exceeded')), 'unreachable');
  assert.equal(bed.tell('get', failure('unauthenticated')), 'refused');
  assert.equal(bed.tell('list'), 'healthy');
  assert.equal(bed.tell('put', failure('resource_exhausted')), 'unreachable');
  assert.equal(bed.tell('list'), 'degraded');
  assert.equal(bed.tell('put'), 'healthy');
});

test('what fails stands until the like of it goes well', () => {
  const bed = new Bed();
  assert.equal(bed.tell('put', failure('permission_denied', 'Allow put')), 'refused');
  assert.equal(bed.tell('get'), 'degraded');
  assert.equal(bed.tell('get', failure('unavailable')), 'unreachable');
  assert.equal(bed.health.condition.lastFailure?.operation, 'get');
  assert.equal(bed.tell('head'), 'degraded');
  assert.equal(bed.health.condition.lastFailure?.error.cure, 'Allow put');
  assert.equal(bed.tell('put'), 'healthy');
  assert.equal(bed.health.condition.lastFailure?.operation, 'put', 'it is kept');
});

test('a state begins when it comes, not whenever it is confirmed', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000 });
  const bed = new Bed();
  bed.tell('get');
  t.mock.timers.tick(1_000);
  bed.tell('get');
  const { since, lastSuccessAt } = bed.health.condition;
  assert.deepEqual([since.getTime(), lastSuccessAt?.getTime()], [1_000, 2_000]);
});

test('whatever was thrown names bucket and key, and has a cure', () => {
  const bed = new Bed();
  assert.equal(bed.tell('get', new DOMException('no answer in time', 'TimeoutError')), 'unreachable');
  const { error } = bed.health.condition.lastFailure ?? assert.fail();
  assert.equal(error.message, 'Cannot get a in s3://bucket/: no answer in time');
  assert.match(error.cure ?? '', /network/);
});
