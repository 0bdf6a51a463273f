import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { digestOf, hexOf } from '@lade/oci';
import { LARGE_BYTES, LAYER, type Scenario, type StartReport } from './crash-child.ts';
import { noise } from './noise.ts';
import { listObjects, needsRoot } from './testbed.ts';

/*
 * A daemon that dies at exact points of its work with a layer (crash-child.ts): the next one starts clean, has everything
 * that anybody was told of, and brings the work to its end.
 */
const CHILD = join(import.meta.dirname, 'crash-child.ts');

interface Told {
  readonly started: StartReport;
  readonly converted?: true;
  readonly found?: true;
  readonly committed?: true;
  readonly uploaded?: true;
  readonly removed?: true;
  readonly content?: string;
}

interface Place extends AsyncDisposable {
  readonly root: string;
  readonly bucketUrl: string;
}

async function openPlace(): Promise<Place> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'lade-crash-'));
  return {
    root: join(folder.path, 'root'),
    bucketUrl: `file://${folder.path}/bucket`,
    [Symbol.asyncDispose]: async () => folder[Symbol.asyncDispose](),
  };
}

/** Runs the child, in a mount namespace that ends with it; dead at `point` if one is given, else to its end. */
async function run({ root, bucketUrl }: Place, scenario: Scenario, point?: string): Promise<Told> {
  const args = ['--mount', '--propagation', 'private', process.execPath, CHILD, root, bucketUrl, scenario];
  const child = spawn('unshare', point === undefined ? args : [...args, point], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const lines = (await text(child.stdout)).split('\n').filter((line) => line !== '');
  const [code, signal] = (await ended) as [number | null, string | null];
  if (point === undefined) assert.equal(code, 0);
  else assert.equal(signal, 'SIGKILL', `it did not die ${point}`);
  return Object.assign({}, ...lines.map((line) => JSON.parse(line) as object)) as Told;
}

/** Everything on disk belongs to a row, and the other way round. */
function assertClean({ rows, folders }: StartReport): void {
  assert.deepEqual(folders.toSorted(), rows.map(hexOf).sort());
}

/** The next daemon finds what was promised, ends what was begun, and has the right bytes. */
async function assertRecovers(place: Place, before: Told): Promise<Told> {
  const after = await run(place, 'pull');
  assertClean(after.started);
  if (before.committed) assert.ok(after.started.committed, 'a committed snapshot is lost');
  if (after.started.committed) assert.ok(after.found, 'a committed layer was converted again');
  assert.ok(after.uploaded);
  assert.equal(after.content, digestOf(noise('1', LARGE_BYTES)));
  const objects = (await listObjects(place.bucketUrl)).map(({ key }) => key.split('/')[0]);
  assert.deepEqual(objects, ['chains', 'layers', 'packs', 'packs']);
  assert.deepEqual(await readdir(join(place.root, 'layers')), [hexOf(LAYER)]);
  return after;
}

const WHILE_CONVERTING = [
  'before the row of a folder',
  'after the row of a folder',
  'after its chunks are known',
  'before the layer is attached',
  'after the layer is attached',
  'inside the transaction of the commit',
];
const AFTER_THE_COMMIT = [
  'after the commit',
  'before the first pack',
  'after the first pack',
  'after the second pack',
  'after the index',
  'before the chain record',
  'after the chain record',
];

for (const point of WHILE_CONVERTING) {
  test(`a daemon that dies ${point} has promised nothing, and leaves nothing`, needsRoot, async () => {
    await using place = await openPlace();
    const before = await run(place, 'pull', point);
    assert.ok(!before.committed);
    const after = await assertRecovers(place, before);
    assert.deepEqual(after.started.committed, false);
    assert.ok(after.converted);
  });
}

for (const point of AFTER_THE_COMMIT) {
  test(
    `a daemon that dies ${point} has kept the layer, and the next one uploads the rest`,
    needsRoot,
    async () => {
      await using place = await openPlace();
      const before = await run(place, 'pull', point);
      const after = await assertRecovers(place, before);
      assert.deepEqual(after.started.rows, [LAYER]);
      assert.deepEqual([after.started.committed, after.started.waiting], [true, 1]);
    },
  );
}

for (const point of ['before the row of a folder', 'after the row of a folder', 'in the middle of a fetch']) {
  test(
    `a second node that dies ${point} takes the layer from the bucket the next time`,
    needsRoot,
    async () => {
      await using place = await openPlace();
      await run(place, 'pull');
      const second = { ...place, root: `${place.root}-2` };
      const before = await run(second, 'pull', point);
      assert.ok(!before.committed && !before.converted);
      const after = await assertRecovers(second, before);
      assert.ok(after.found && !after.converted);
    },
  );
}

for (const point of ['after the row is removed', 'before its chunks are forgotten']) {
  test(`a daemon that dies ${point} leaves nothing of a removed layer`, needsRoot, async () => {
    await using place = await openPlace();
    await run(place, 'remove', point);
    const second = await run(place, 'remove');
    assertClean(second.started);
    assert.deepEqual(second.started.rows, []);
    assert.ok(second.found, 'the bucket still has the layer');
    assert.deepEqual(await readdir(join(place.root, 'layers')), []);
    assert.deepEqual(await readdir(join(place.root, 'mounts')), []);
    await assertRecovers(place, { started: second.started });
  });
}
