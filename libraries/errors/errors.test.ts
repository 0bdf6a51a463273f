import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { CodedError, codeOf, fromUnknown, isCodedError, wrapError } from './index.ts';

test('fromUnknown() classifies errno failures and keeps the cause', async () => {
  const reason: unknown = await readFile('/nonexistent/file').catch((e: unknown) => e);
  const error = fromUnknown(reason);
  assert.equal(error.code, 'not_found');
  assert.equal(error.cause, reason);
});

test('fromUnknown() says what to do about a full disk', () => {
  const error = fromUnknown(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }));
  assert.equal(error.code, 'resource_exhausted');
  assert.match(error.cure ?? '', /Free space/);
});

test('fromUnknown() passes a coded error unchanged', () => {
  const error = new CodedError('aborted', 'Cannot go on');
  assert.equal(fromUnknown(error), error);
});

test('codeOf() tells cancellation from a deadline', () => {
  assert.equal(codeOf(AbortSignal.abort().reason), 'cancelled');
  assert.equal(codeOf(new DOMException('late', 'TimeoutError')), 'deadline_exceeded');
  assert.equal(codeOf('text'), 'unknown');
});

test('wrapError() says what was attempted and keeps class and cure', () => {
  const inner = new CodedError('data_loss', 'hash differs', {
    cure: 'Fetch it again',
    details: { offset: 4 },
  });
  const error = wrapError(inner, 'Cannot read pack p');
  assert.equal(error.message, 'Cannot read pack p: hash differs');
  assert.equal(error.code, 'data_loss');
  assert.equal(error.cure, 'Fetch it again');
  assert.deepEqual(error.details, { offset: 4 });
});

test('isCodedError() matches by brand and, when asked, by code', () => {
  const error = new CodedError('not_found', 'Cannot find it');
  assert.ok(isCodedError(error));
  assert.ok(isCodedError(error, 'not_found'));
  assert.ok(!isCodedError(error, 'aborted'));
  assert.ok(!isCodedError(new Error('plain')));
});

test('messages never carry credentials', () => {
  const error = new CodedError(
    'unavailable',
    'Cannot open s3://me:pw@host/b?secret-key=abc&region=r: refused',
  );
  assert.equal(error.message, 'Cannot open s3://***@host/b?secret-key=***&region=r: refused');
});
