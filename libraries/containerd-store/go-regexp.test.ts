import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileGoRegExp } from './go-regexp.ts';

/** Patterns, strings that Go finds them in, strings that it does not. */
const FINDINGS: readonly (readonly [pattern: string, found: readonly string[], missed: readonly string[]])[] =
  [
    ['', ['', 'x'], []],
    ['a.c', ['abc', 'a\rc', 'a\u2028c', 'a牛c'], ['a\nc', 'ac']],
    ['(?s)a.c', ['a\nc'], []],
    ['^b$', ['b'], ['a\nb\nc']],
    ['(?m)^b$', ['a\nb\nc', 'b'], ['a\rb']],
    ['\\Ab\\z', ['b'], ['b\n', 'a\nb']],
    ['(?m)\\Ab\\z', ['b'], ['a\nb']],
    ['(?i)straße', ['STRAßE'], ['STRASSE']],
    ['a(?i)b|c', ['ab', 'aB', 'C'], ['AB']],
    ['(?:a(?i)b)c', ['aBc'], ['aBC']],
    ['(?i:a(?-i)b)c', ['Abc'], ['ABc', 'AbC']],
    ['(?i:a|(?-i)b)', ['A', 'b'], ['B']],
    ['\\d\\D', ['1x'], ['१x', '11']],
    ['^\\s$', [' ', '\t', '\n', '\f', '\r'], ['\v', '\u00a0', '\u2003']],
    ['^[\\S]$', ['\v', 'x'], [' ']],
    ['^\\w+$', ['aZ_9'], ['é', 'a-b']],
    ['\\bfoo\\b', ['a foo b'], ['afoo']],
    ['a\\Bb', ['ab'], ['a b']],
    ['^[[:alpha:]]+$', ['abZ'], ['a1']],
    ['^[[:^alpha:][:space:]x]+$', ['12 x'], ['a']],
    ['^[]a]+$', [']a'], ['b']],
    ['^[^]a]$', ['b'], [']', 'a']],
    ['^[a\\-z-]+$', ['a-z'], ['b']],
    ['^[a-c&&d]+$', ['a&d'], ['e']],
    ['^[\\x41-\\x{43}]+$', ['ABC'], ['D']],
    ['\\Qa.b*\\E+c', ['a.b*c', 'a.b**c'], ['axbc']],
    ['\\Q(', ['('], [')']],
    ['\\.\\_\\-\\/\\"', ['._-/"'], ['x_-/"']],
    ['\\a\\f\\t\\n\\r\\v', ['\x07\f\t\n\r\v'], []],
    ['\\101\\060', ['A0'], []],
    ['\\pL\\p{Greek}\\PN', ['éαx'], ['1αx', 'éax', 'éα1']],
    ['\\p{^Lu}', ['a'], ['A']],
    ['(?P<year>\\d{4})-(?<month>\\d\\d)', ['2026-11'], ['26-11']],
    ['a{', ['a{'], ['a']],
    ['a{,2}', ['a{,2}'], ['aa']],
    ['^a{2,3}$', ['aa', 'aaa'], ['a', 'aaaa']],
    ['^a{2,}$', ['aa', 'aaaaa'], ['a']],
    ['^(?:ab){2}$', ['abab'], ['abb']],
    ['a+?b*?c??', ['a'], ['b']],
    ['(?U)a+?b', ['aab'], ['b']],
    ['^*x', ['x', 'yx'], ['y']],
    [']}', [']}'], [']']],
    ['😀{2}', ['😀😀'], ['😀']],
  ];

test('compileGoRegExp() finds what Go finds', () => {
  for (const [pattern, found, missed] of FINDINGS) {
    const regexp = compileGoRegExp(pattern);
    assert.ok(regexp, pattern);
    for (const text of found) assert.ok(regexp.test(text), `${pattern} in ${JSON.stringify(text)}`);
    for (const text of missed) assert.ok(!regexp.test(text), `${pattern} not in ${JSON.stringify(text)}`);
  }
});

const REFUSED = String.raw`
  ( ) a) [ [a [] [^ \ * +a (?i)* (*) a** a*+ a{2}{3} |* a{2,1} a{1001} [z-a] [a-\d] [[:nope:]] (?=a) (?!a) (?<=a)
  (?<!a) (a)\1 \8 \y \C \p{Nope} \x{110000} (?q) (?<>a)`
  .trim()
  .split(/\s+/);

test('compileGoRegExp() gives nothing for what Go refuses', () => {
  for (const pattern of REFUSED) assert.equal(compileGoRegExp(pattern), undefined, pattern);
  assert.equal(compileGoRegExp(`${'('.repeat(100_000)}${')'.repeat(100_000)}`), undefined);
});
