import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import type { Bucket, ConditionalPuts } from './bucket.ts';
import { conditionCases, raceCases } from './conformance-condition-cases.ts';
import { failureCases } from './conformance-failure-cases.ts';
import { keyCases } from './conformance-key-cases.ts';
import { objectCases } from './conformance-object-cases.ts';
import { memoryCases, streamCases } from './conformance-stream-cases.ts';
import type { ConformanceCases } from './conformance-subject.ts';

export interface ConformanceOptions {
  /** What conditionalPuts() of the bucket must say; where they are only emulated, nothing races. Default `atomic`. */
  readonly conditional?: ConditionalPuts;
  /** Whether the objects are kept in this process, whose memory is then not looked at. */
  readonly isInMemory?: boolean;
  /** Cases that are not run, by their titles: why. They show up as skipped; one that there is not is an error. */
  readonly leftOut?: Readonly<Record<string, string>>;
}

/**
 * The contract of Bucket as tests: call it at the top of a test file. `open` gives an empty bucket for one test, and
 * removes with t.after() what it made.
 */
export function describeBucketConformance(
  name: string,
  open: (t: TestContext) => Promise<Bucket>,
  { conditional = 'atomic', isInMemory = false, leftOut = {} }: ConformanceOptions = {},
): void {
  const unknown = new Set(Object.keys(leftOut));
  const run = (cases: ConformanceCases): void => {
    for (const [title, check] of Object.entries(cases)) {
      unknown.delete(title);
      test(title, { skip: leftOut[title] ?? false }, async (t) => check(await open(t)));
    }
  };
  describe(`${name} keeps the contract of Bucket`, () => {
    run(objectCases);
    run(failureCases);
    run(keyCases);
    run(streamCases);
    if (!isInMemory) run(memoryCases);
  });
  describe(`${name} has ${conditional} conditional puts`, () => {
    run({
      'and says so': async (bucket) => assert.equal(await bucket.conditionalPuts(), conditional),
    });
    run(conditionCases);
    if (conditional === 'atomic') run(raceCases);
  });
  if (unknown.size > 0) throw new TypeError(`${name} leaves out what is no case: ${[...unknown].join('; ')}`);
}
