import assert from 'node:assert/strict';
import { forEachConcurrently } from '@lade/streams';
import { keysOf, rejects, textOf, type ConformanceCases } from './conformance-subject.ts';
import { compareKeys } from './object-key.ts';

const AT_ONCE = 16;

/** Of characters that some store, file system or encoding of requests is known to spoil. */
const ODD_KEYS = [
  ...Array.from({ length: 19 }, (_, i) => {
    const characters = Array.from({ length: 5 }, (_, j) => String.fromCharCode(0x20 + 5 * i + j));
    return `ascii${characters.join('')}`;
  }),
  ' lead and trail ',
  'a+b c',
  '100%',
  '%2E',
  '%252E',
  '%2F',
  '.hidden/.file',
  '%2Ehidden',
  '...',
  '.tmp/x',
  '.lock',
  'back\\slash',
  'q?x=1&y=2#z',
  `"double" 'single' \`back\``,
  '<xml>&amp;</xml>',
  'umlaut-ä/日本語/🪣',
  'e\u0301-is-not-\u00e9',
  'e\u0301-is-not-\u00e9'.normalize('NFC'),
  '~!*()[]{}|^$@,;:=',
  '1e5',
  'true',
  'CASE',
  'case',
  `deep/${'x/'.repeat(100)}end`,
  'n'.repeat(250),
];

const BAD_KEYS = [
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  'a/./b',
  'a/../b',
  ...Array.from({ length: 0x20 }, (_, code) => `a${String.fromCharCode(code)}b`),
  '\u007f',
  '\ud800',
];

export const keyCases: ConformanceCases = {
  'every legal key can be put, got, listed and deleted, and is no other key': async (bucket) => {
    for (const key of ODD_KEYS) await bucket.put(key, Buffer.from(key), { condition: { absent: true } });
    for (const key of ODD_KEYS) assert.equal(await textOf((await bucket.get(key)).body), key);
    assert.deepEqual(await keysOf(bucket, ''), ODD_KEYS.toSorted(compareKeys));
    const [alone, together] = [0, 1].map((rest) => ODD_KEYS.filter((_, i) => i % 2 === rest));
    for (const key of alone ?? []) {
      await bucket.delete([key]);
      await rejects('not_found', bucket.head(key), key);
    }
    assert.deepEqual(await keysOf(bucket, ''), together?.toSorted(compareKeys));
    await bucket.delete(together ?? []);
    assert.deepEqual(await keysOf(bucket, ''), []);
  },

  'a prefix is taken as it is, also one that ends inside a segment or an escape': async (bucket) => {
    for (const key of ODD_KEYS) await bucket.put(key, Buffer.from(key));
    const prefixes = [
      ...ODD_KEYS,
      ' lead',
      'e',
      'a+',
      '100',
      '%',
      '%2',
      '%25',
      '.',
      'umlaut-ä/日',
      '<xml>&',
      'deep/x/x/x',
    ];
    for (const prefix of prefixes) {
      const expected = ODD_KEYS.filter((key) => key.startsWith(prefix)).sort(compareKeys);
      assert.deepEqual(await keysOf(bucket, prefix), expected, prefix);
    }
  },

  'a key of 1,024 bytes fits, a longer one does not': async (bucket) => {
    const key = `${'ä'.repeat(100)}/`.repeat(5) + 'x'.repeat(19);
    await bucket.put(key, Buffer.from('x'));
    assert.deepEqual(await keysOf(bucket, ''), [key]);
    await rejects('invalid_argument', bucket.put(`${key}x`, Buffer.from('x')), 'ä');
  },

  'bad keys are refused everywhere': async (bucket) => {
    for (const key of BAD_KEYS) {
      const name = JSON.stringify(key);
      await rejects('invalid_argument', bucket.put(key, Buffer.from('x')), name);
      await rejects('invalid_argument', bucket.get(key), name);
      await rejects('invalid_argument', bucket.head(key), name);
      await rejects('invalid_argument', bucket.delete(['fine', key]), name);
    }
    assert.deepEqual(await keysOf(bucket, ''), []);
  },

  'list() gives 2,500 keys in the order of their bytes, from anywhere': async (bucket) => {
    const siblings = ['a!', 'a.b', 'a/x', 'a/y/z', 'a/y-', 'a0', 'a\uffee', 'a🪣', 'b'];
    const many = Array.from(
      { length: 2500 - siblings.length },
      (_, i) => `m/${i % 7}/${i}${i % 100 === 0 ? '<&>"' : ''}`,
    );
    const keys = [...siblings, ...many].sort(compareKeys);
    await forEachConcurrently(keys.toReversed(), AT_ONCE, async (key) => {
      await bucket.put(key, Buffer.from(key));
    });
    assert.deepEqual(await keysOf(bucket, ''), keys);
    for (const prefix of ['a', 'a/', 'a/y', 'a.', 'm/3/', 'm/3/1', 'none', 'b', 'a/x']) {
      const expected = keys.filter((key) => key.startsWith(prefix));
      assert.deepEqual(await keysOf(bucket, prefix), expected, prefix);
    }
    for (const after of ['a!', 'a', 'a/', 'a/y', 'a/y/z', 'm/3/9', 'm/3/zz', 'b', 'zzz', '!', 'a🪣']) {
      const expected = keys.filter((key) => compareKeys(key, after) > 0);
      assert.deepEqual(await keysOf(bucket, '', after), expected, after);
    }
    assert.deepEqual(
      await keysOf(bucket, 'm/3/', 'm/3/2000'),
      keys.filter((key) => key.startsWith('m/3/') && key > 'm/3/2000'),
    );
    // More than a request may name, of which some are not there.
    const gone = [...many.slice(0, 1001), ...many.slice(0, 1500).map((key) => `${key}&<absent>`)];
    await bucket.delete(gone);
    assert.deepEqual(
      await keysOf(bucket, ''),
      keys.filter((key) => !gone.includes(key)),
    );
  },

  'list() gives size and version of each object': async (bucket) => {
    const { version } = await bucket.put('k/1', Buffer.from('four'));
    const [info] = await Array.fromAsync(bucket.list('k/'));
    assert.deepEqual(
      { ...info, modifiedAt: undefined },
      { key: 'k/1', sizeBytes: 4, version, modifiedAt: undefined },
    );
  },

  'list() may be left early, and goes on after what it gave': async (bucket) => {
    for (const key of ['1', '2', '3']) await bucket.put(key, Buffer.from(key));
    for await (const { key } of bucket.list('')) {
      assert.equal(key, '1');
      break;
    }
    assert.deepEqual(await keysOf(bucket, '', '1'), ['2', '3']);
  },
};
