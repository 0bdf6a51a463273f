import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { formatBytes } from './format-bytes.ts';
import { formatDigest } from './format-digest.ts';
import { formatTable } from './format-table.ts';
import { printable } from './printable.ts';
import { ProgressLines } from './progress-lines.ts';
import { PullProgress } from './pull-progress.ts';
import { reportError } from './report-error.ts';
import type { PullEvent } from '@lade/control-protocol';
import { CodedError } from '@lade/errors';
import { digestOf } from '@lade/oci';

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

test('ProgressLines rewrites its lines on a terminal, and is silent elsewhere', () => {
  for (const isTTY of [true, false]) {
    let written = '';
    const stream = { isTTY, columns: 10, write: (text: string) => (written += text) };
    {
      using lines = new ProgressLines(stream);
      lines.clear();
      lines.show(['one', 'two']);
      lines.show(['a line that is too long']);
    }
    assert.equal(written, isTTY ? '\r\u001B[Jone\ntwo\u001B[1A\r\u001B[Ja line th\r\u001B[J' : '');
  }
});

test('PullProgress draws a line for each layer, and those that are under way where rows are few', () => {
  let written: string[] = [];
  const stderr = { isTTY: true, columns: 100, rows: 3, write: (text: string) => written.push(text) };
  using progress = new PullProgress({ stdout: stderr, stderr });
  const drawn = (event: PullEvent): string => {
    written = [];
    progress.tell(event);
    return stripVTControlCharacters(written.join('')).replaceAll('\r', '');
  };
  const layer = (number: number) => ({ diffId: digestOf(String(number)), number, of: 3 });
  const short = (number: number) => `${number}/3 ${formatDigest(digestOf(String(number)))}`;
  drawn({ kind: 'present', ...layer(1) });
  assert.equal(
    drawn({ kind: 'downloading', ...layer(2), bytes: 500, totalBytes: 1000 }),
    `${short(1)} present\n${short(2)} ${'█'.repeat(15)}${'░'.repeat(15)} 500 B of 1.0 kB`,
  );
  assert.equal(
    drawn({ kind: 'converting', ...layer(3) }),
    `${short(2)} ${'█'.repeat(15)}${'░'.repeat(15)} 500 B of 1.0 kB\n${short(3)} converting`,
  );
});

test('reportError() gives message and cure, and never a stack', () => {
  const lines: string[] = [];
  const stderr = { write: (text: string) => lines.push(text) };
  reportError(new CodedError('not_found', 'Cannot find it', { cure: 'Look again' }), stderr);
  reportError(new TypeError('x is not a function'), stderr);
  assert.deepEqual(lines, ['lade: Cannot find it\n', '  → Look again\n', 'lade: x is not a function\n']);
});
