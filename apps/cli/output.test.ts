import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes } from './format-bytes.ts';
import { formatTable } from './format-table.ts';
import { printable } from './printable.ts';
import { ProgressLine } from './progress-line.ts';
import { reportError } from './report-error.ts';
import { CodedError } from '@lade/errors';

test('formatBytes() counts in thousands, with one decimal from kB on', () => {
  const cases = {
    0: '0 B',
    999: '999 B',
    1000: '1.0 kB',
    999_949: '999.9 kB',
    999_950: '1.0 MB',
    45_100_000: '45.1 MB',
  };
  for (const [bytes, text] of Object.entries(cases)) assert.equal(formatBytes(Number(bytes)), text);
  assert.equal(formatBytes(2e12), '2.0 TB');
});

test('formatTable() aligns columns and leaves no blanks at the end of lines', () => {
  const columns = [{ title: 'NAME' }, { title: 'SIZE', align: 'right' as const }, { title: 'X' }];
  assert.equal(
    formatTable(columns, [
      ['a', '10 kB', ''],
      ['long name', '5 B', 'y'],
    ]),
    'NAME        SIZE  X\na          10 kB\nlong name    5 B  y\n',
  );
});

test('printable() keeps names from steering the terminal', () => {
  assert.equal(printable('a\u001B[2Jb\nc\u0007é'), 'a\uFFFD[2Jb c\uFFFDé');
});

test('ProgressLine rewrites one line on a terminal, and is silent elsewhere', () => {
  for (const isTTY of [true, false]) {
    let written = '';
    const stream = { isTTY, write: (text: string) => (written += text) };
    {
      using line = new ProgressLine(stream);
      line.clear();
      line.show('one');
      line.show('two');
    }
    assert.equal(written, isTTY ? '\r\u001B[2Kone\r\u001B[2Ktwo\r\u001B[2K' : '');
  }
});

test('reportError() gives message and cure, and never a stack', () => {
  const lines: string[] = [];
  const stderr = { write: (text: string) => lines.push(text) };
  reportError(new CodedError('not_found', 'Cannot find it', { cure: 'Look again' }), stderr);
  reportError(new TypeError('x is not a function'), stderr);
  assert.deepEqual(lines, ['lade: Cannot find it\n', '  → Look again\n', 'lade: x is not a function\n']);
});
