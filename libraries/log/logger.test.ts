import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from '@lade/errors';
import { createLogger, type LogRecord } from './index.ts';

test('createLogger() writes one JSON object a line from its level on', () => {
  const lines: string[] = [];
  const log = createLogger((line) => lines.push(line), 'info');
  log.debug('hidden');
  log.warn('upload failed', {
    key: 'k',
    error: new CodedError('unavailable', 'Cannot put k', { cure: 'Wait' }),
  });
  assert.equal(lines.length, 1);
  const { time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  assert.ok(typeof time === 'string');
  assert.deepEqual(rest, {
    level: 'warn',
    message: 'upload failed',
    key: 'k',
    error: 'Cannot put k',
    code: 'unavailable',
    cure: 'Wait',
  });
});

test('createLogger() tells every line to whoever listens, also those that are not written', () => {
  const lines: string[] = [];
  const told: LogRecord[] = [];
  const log = createLogger((line) => lines.push(line), 'error', { tell: (record) => told.push(record) });
  log.debug('read', { error: new CodedError('not_found', 'Cannot find k') });
  assert.deepEqual(lines, []);
  const fields = { error: 'Cannot find k', code: 'not_found' };
  assert.deepEqual(told, [{ level: 'debug', message: 'read', fields }]);
});

test('createLogger() writes what it is told of the place into every line', () => {
  const lines: string[] = [];
  let traceId = 'a';
  const log = createLogger((line) => lines.push(line), 'info', { context: () => ({ traceId }) });
  log.info('one');
  traceId = 'b';
  log.info('two');
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { traceId: string }).traceId),
    ['a', 'b'],
  );
});
