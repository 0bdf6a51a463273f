import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { matchesFilters, parseFilters } from './filter.ts';

interface Thing {
  readonly name: string;
  readonly other?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

const THINGS: readonly Thing[] = [
  { name: 'foo', labels: { foo: 'true' } },
  { name: 'bar' },
  { name: 'foo', labels: { foo: 'present', 'more complex label': 'present' } },
  { name: 'bar', labels: { bar: 'true' } },
  { name: 'fooer', labels: { 'more complex label with \\ and "': 'present' } },
  { name: 'fooer', labels: { 'more complex label with \\ and ".post': 'present' } },
  { name: 'baz', other: 'too complex, yo' },
  { name: 'bazo', other: 'abc' },
  { name: 'compound', labels: { foo: 'omg_asdf.asdf-qwer' } },
  { name: '牛', labels: { moo: 'é\t' } },
];

const EVERY = [...THINGS.keys()];

/** Indexes of the things that match, and the filters that must find them. */
const MATCHES: readonly (readonly [matching: readonly number[], ...filters: string[]])[] = [
  [EVERY],
  [EVERY, ''],
  [EVERY, 'name'],
  [EVERY, 'labels.foo', ''],
  [[0, 2, 8], 'labels.foo'],
  [[0, 2, 8], 'labels.foo,name'],
  [[0], 'labels.foo==true'],
  [[8], 'labels.foo==omg_asdf.asdf-qwer'],
  [[1, 3], 'name==bar'],
  [[0, 2, 4, 5, 6, 7, 8, 9], 'name!=bar'],
  [[3], 'name==bar,labels.bar'],
  [[3], 'name==bar,labels.bar==true'],
  [[], 'name==bar,labels.bar==wrong'],
  [[6], 'other=="too complex, yo"'],
  [[6, 7], 'other~=[abc]+,name!=foo'],
  [[6, 7], 'other~=/[abc]+/,name!=foo'],
  [[6, 7], 'other~=/[abc]{1,2}/,name!=foo'],
  [[6, 7], 'other~=|[abc]{1,2}|'],
  [[7], 'other~=/^\\\\w+$/'],
  [[], 'other~=/[abc]{0,1}"\\//,name!=foo'],
  [[2], 'name==foo,labels."more complex label"'],
  [[4], 'labels."more complex label with \\\\ and \\""==present'],
  [[5], 'labels."more complex label with \\\\ and \\"".post==present'],
  [[0, 2, 8], '"labels"."foo"'],
  [[0, 1, 2, 3], 'name==foo', 'name==bar'],
  [[1, 3], ' name == bar'],
  [[3], 'name==bar, labels.bar'],
  [[9], 'name==牛'],
  [[9], 'name~=|^牛|'],
  [[9], 'labels.moo=="\\u00e9\\t"'],
  [[9], 'labels.moo=="\\xc3\\xa9\\011"'],
  [[9], 'labels.moo=="\\U000000e9\\x09"'],
  [[], 'name==`bar`'],
  [[], 'nothing'],
  [EVERY, 'nothing!=x'],
  [EVERY, 'nothing~=^$'],
  [[], 'nothing==""'],
  [[], 'labels'],
  [[], 'labels.constructor'],
  [[], 'name~=('],
  [[], 'name~=(?=foo)'],
];

test('matchesFilters() finds what containerd finds', () => {
  for (const [matching, ...filters] of MATCHES) {
    const parsed = parseFilters(filters);
    const found = EVERY.filter((index) => matchesFilters(parsed, (path) => valueAt(THINGS[index], path)));
    assert.deepEqual(found, matching, filters.join(' or '));
  }
});

const REFUSED: readonly (readonly [filter: string, position: number, why: RegExp])[] = [
  ['labels.|foo|==omg_asdf.asdf-qwer', 7, /invalid quote/],
  ['labels.?"more complex label"==present', 7, /expected field or quoted/],
  ['name==foo,', 10, /expected field or quoted/],
  ['labels.', 7, /expected field or quoted/],
  ['image~=,id?=?fbaq', 7, /expected value or quoted/],
  ['labels.ns/key==value', 9, /not terminated/],
  ['labels.key==/value', 12, /not terminated/],
  ['labels."containerd.io\nkey"==value', 7, /not terminated/],
  ['name==/foo/', 6, /invalid quote/],
  ['labels."\\g"', 7, /illegal escape/],
  ['labels."\\xaz"', 7, /illegal escape/],
  ['labels."\\400"', 7, /means no character/],
  ['labels."\\U00110000"', 7, /means no character/],
  ['name=foo', 4, /unsupported operator "="/],
  ['name===foo', 4, /unsupported operator "==="/],
  ['name==', 6, /expected value or quoted/],
  ['name== =foo', 7, /expected value or quoted/],
  ['name==.foo', 6, /expected value or quoted/],
  ['name==foo bar', 9, /unexpected input/],
  ['name==foo\u0001', 9, /unexpected input/],
  ['name==foo\u200b', 9, /unexpected input/],
  ['name ', 5, /expected an operator/],
  ['name?', 4, /expected an operator/],
  [' ', 1, /expected field or quoted/],
  ['==foo', 0, /expected field or quoted/],
  ['`name`==foo', 0, /expected field or quoted/],
  ['name==\0', 6, /illegal character/],
  ['name==\uFFFD', 6, /illegal character/],
  ['name=="a\uD800"', 6, /not terminated/],
];

test('parseFilters() refuses what containerd refuses, and says where', () => {
  for (const [filter, position, why] of REFUSED) {
    assert.throws(
      () => parseFilters(['name', filter]),
      (reason) => {
        assert.ok(isCodedError(reason, 'invalid_argument'), `${filter}: ${String(reason)}`);
        assert.equal(reason.details['position'], position, filter);
        assert.match(reason.message, why, filter);
        return true;
      },
      filter,
    );
  }
});

function valueAt(thing: Thing | undefined, [field, ...rest]: readonly string[]): string | undefined {
  if (field === 'name' || field === 'other') return thing?.[field];
  const labels = new Map(Object.entries(thing?.labels ?? {}));
  return field === 'labels' ? labels.get(rest.join('.')) : undefined;
}
