import assert from 'node:assert/strict';
import { keysOf, rejects, textOf, type ConformanceCases } from './conformance-subject.ts';

export const objectCases: ConformanceCases = {
  'get() and head() give what put() stored': async (bucket) => {
    const before = Date.now();
    const { version } = await bucket.put('a/b', Buffer.from('hello'));
    const got = await bucket.get('a/b');
    assert.equal(await textOf(got.body), 'hello');
    assert.deepEqual([got.sizeBytes, got.version], [5, version]);
    const { modifiedAt, ...info } = await bucket.head('a/b');
    assert.deepEqual(info, { key: 'a/b', sizeBytes: 5, version });
    assert.ok(Math.abs(modifiedAt.getTime() - before) < 60_000);
  },

  'put() replaces, and other bytes have another version': async (bucket) => {
    const versions = new Set<string>();
    for (const text of ['one', 'two', 'six', '']) {
      const { version } = await bucket.put('k', Buffer.from(text));
      assert.equal((await bucket.head('k')).version, version);
      assert.equal(await textOf((await bucket.get('k')).body), text);
      versions.add(version);
    }
    assert.equal(versions.size, 4);
  },

  'put() keeps its own copy, and every reader gets one': async (bucket) => {
    const bytes = Buffer.from('mine');
    await bucket.put('k', bytes);
    bytes.fill(0);
    for await (const chunk of (await bucket.get('k')).body) chunk.fill(0);
    assert.equal(await textOf((await bucket.get('k')).body), 'mine');
  },

  'absent keys are not_found, also folders of others; deleting them is fine': async (bucket) => {
    await bucket.put('folder/key', Buffer.from('x'));
    for (const key of ['nothing', 'folder', 'folder/other', 'folder/key/below']) {
      await rejects('not_found', bucket.get(key), key);
      await rejects('not_found', bucket.get(key, { offset: 1 }), key);
      await rejects('not_found', bucket.get(key, { length: 0 }), key);
      await rejects('not_found', bucket.head(key), key);
      await bucket.delete([key]);
    }
    assert.equal((await bucket.head('folder/key')).sizeBytes, 1);
  },

  'delete() deletes all that it was given, and nothing else': async (bucket) => {
    for (const key of ['a', 'b', 'c/d']) await bucket.put(key, Buffer.from(key));
    await bucket.delete(['a', 'c/d', 'never']);
    await bucket.delete([]);
    assert.deepEqual(await keysOf(bucket, ''), ['b']);
    await rejects('not_found', bucket.get('a'), 'a');
  },
  'an offset at the end or beyond is out_of_range': async (bucket) => {
    await bucket.put('ten', Buffer.from('0123456789'));
    await bucket.put('none', Buffer.alloc(0));
    for (const range of [{}, { length: 0 }, { length: 5 }]) {
      await rejects('out_of_range', bucket.get('ten', { offset: 10, ...range }), 'ten');
      await rejects('out_of_range', bucket.get('ten', { offset: 1000, ...range }), 'ten');
      await rejects('out_of_range', bucket.get('none', { offset: 1, ...range }), 'none');
    }
  },
  ...Object.fromEntries(rangeCases()),
};

function rangeCases(): [string, ConformanceCases[string]][] {
  const ranges: readonly (readonly [
    object: string,
    offset: number,
    length: number | undefined,
    expected: string,
  ])[] = [
    ['0123456789', 0, undefined, '0123456789'],
    ['0123456789', 0, 4, '0123'],
    ['0123456789', 0, 1, '0'],
    ['0123456789', 0, 11, '0123456789'],
    ['0123456789', 9, 1, '9'],
    ['x', 0, undefined, 'x'],
    ['x', 0, 1, 'x'],
    ['0123456789', 3, 4, '3456'],
    ['0123456789', 8, 100, '89'],
    ['0123456789', 9, undefined, '9'],
    ['0123456789', 4, 0, ''],
    ['0123456789', 0, 10, '0123456789'],
    ['', 0, undefined, ''],
    ['', 0, 5, ''],
    ['', 0, 0, ''],
  ];
  return ranges.map(([object, offset, length, expected]) => [
    `get() reads ${length ?? 'all'} bytes from ${offset} of ${object.length}`,
    async (bucket) => {
      const { version } = await bucket.put('k', Buffer.from(object));
      const got = await bucket.get('k', { offset, ...(length === undefined ? {} : { length }) });
      assert.equal(await textOf(got.body), expected);
      assert.deepEqual([got.sizeBytes, got.version], [object.length, version]);
    },
  ]);
}
