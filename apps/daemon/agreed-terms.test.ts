import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agreedTerms } from './agreed-terms.ts';

for (const [version, capabilities, expected] of [
  ['v2.4.0-beta.0', ['remap-ids', 'rebase'], 'staged'],
  ['v2.3.4', ['rebase'], 'exists'],
  ['2.2.0~ds1', ['rebase'], 'exists'],
  ['v2.1.9', ['rebase'], 'never'],
  ['v2.4.0', ['remap-ids'], 'never'],
  ['of our own', ['rebase'], undefined],
] as const) {
  test(`containerd ${version} with ${capabilities.join(' and ')} has layers apart: ${expected}`, async () => {
    const node = { capabilitiesOf: async () => capabilities, version: async () => version };
    assert.equal(await agreedTerms(node).layersApart({}), expected);
  });
}

test('a containerd that does not answer has agreed to nothing that is known, and an abort is one', async () => {
  const terms = agreedTerms({
    capabilitiesOf: async (_snapshotter, signal) => {
      signal.throwIfAborted();
      throw new Error('nobody listens');
    },
    version: async () => '2.4.0',
  });
  assert.equal(await terms.layersApart({}), undefined);
  await assert.rejects(terms.layersApart({ signal: AbortSignal.abort() }), { name: 'AbortError' });
});
