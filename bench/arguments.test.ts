import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { parseArguments } from './arguments.ts';

const AVAILABLE = ['first-pull', 'rpc'];

test('without arguments everything is measured', () => {
  assert.deepEqual(parseArguments([], AVAILABLE), {
    names: AVAILABLE,
    runs: undefined,
    cases: [],
    fill: undefined,
  });
});

test('benchmarks, runs, cases and the fill mode can be chosen', () => {
  const argv = ['rpc', '--runs', '3', '--case', 'stat', '--case=mounts', '--fill', 'fuse'];
  assert.deepEqual(parseArguments(argv, AVAILABLE), {
    names: ['rpc'],
    runs: 3,
    cases: ['stat', 'mounts'],
    fill: 'fuse',
  });
});

test('what makes no sense is refused, with the usage as the cure', () => {
  for (const argv of [['pull'], ['--runs', '0'], ['--runs', 'many'], ['--fast'], ['--case']]) {
    assert.throws(
      () => parseArguments(argv, AVAILABLE),
      (error) => isCodedError(error, 'invalid_argument') && error.cure?.startsWith('Usage') === true,
      argv.join(' '),
    );
  }
});
