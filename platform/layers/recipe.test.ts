import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { collectBytes, fromBytes } from '@lade/streams';
import { RecipeEncoder, replayRecipe } from './recipe.ts';

const BLOB = randomBytes(3_000_000);
const readBlob = (offset: number, size: number) => fromBytes(BLOB.subarray(offset, offset + size));

/** A made-up tar: literals and data in turns, cut into pieces of at most `step` bytes. */
function encode(step: number): { recipe: Uint8Array; tar: Uint8Array } {
  const encoder = new RecipeEncoder();
  const tar: Uint8Array[] = [];
  const pieces: Uint8Array[] = [];
  let blobOffset = 0;
  for (let i = 0; i < 60; i++) {
    const literal = BLOB.subarray(i * 7, i * 7 + [512, 0, 1, 70_000, 1024][i % 5]!);
    const data = BLOB.subarray(blobOffset, blobOffset + [4096, 100_000, 0, 1][i % 4]!);
    for (let at = 0; at < literal.length; at += step) encoder.literal(literal.subarray(at, at + step));
    for (let at = 0; at < data.length; at += step) {
      encoder.data(Math.min(step, data.length - at), blobOffset + at);
    }
    tar.push(literal, data);
    blobOffset += Math.ceil(data.length / 4096) * 4096;
    pieces.push(...encoder.takePieces());
  }
  return { recipe: Buffer.concat([...pieces, ...encoder.finish()]), tar: Buffer.concat(tar) };
}

test('replaying a recipe gives the tar back, and the recipe does not depend on how calls were cut', async () => {
  const whole = encode(1 << 30);
  for (const step of [13, 511, 65_536]) assert.deepEqual(encode(step).recipe, whole.recipe);
  for (const cut of [997, 65_537]) {
    const tar = await collectBytes(replayRecipe(inPieces(whole.recipe, cut), readBlob, 'layer l'), 1e9);
    assert.ok(Buffer.from(tar).equals(whole.tar));
  }
});

async function* inPieces(bytes: Uint8Array, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

test('a recipe that is cut short is refused by name', async () => {
  const { recipe } = encode(1 << 30);
  for (const end of [1, 2, 600, 71_000]) {
    const replay = collectBytes(replayRecipe(fromBytes(recipe.subarray(0, end)), readBlob, 'layer l'), 1e9);
    await assert.rejects(replay, (e) => isCodedError(e, 'data_loss') && e.message.includes('layer l'));
  }
});
