import assert from 'node:assert/strict';
import { mkdtempDisposable, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase, type Database } from '@lade/sqlite';
import { PlainLayers, TAR_ATTRIBUTES } from './plain-layers.ts';
import type { CommitListener, RemoteLayers } from '../ports.ts';
import { Snapshotter, type SnapshotterOptions } from '../snapshotter.ts';

/** A bucket that has nothing. */
export const NO_REMOTE: RemoteLayers = { find: async () => undefined };

export interface TestBed extends AsyncDisposable {
  /** Names in the folder of the snapshots' directories, but for the one that may be ready for the next. */
  contents(): Promise<string[]>;
  readonly folder: string;
  readonly root: string;
  readonly db: Database;
  readonly layers: PlainLayers;
  /** What the listener was told. */
  readonly commits: Parameters<CommitListener['committed']>[0][];
  /** How often the listener was told of files. */
  readonly unpacked: { count: number };
  /** Opens the snapshotter; again for what the next start would find. */
  open(options?: Partial<SnapshotterOptions>): Promise<Snapshotter>;
}

/** A folder of its own with a database and layers of plain directories; disposal closes and removes everything. */
export async function openTestBed(): Promise<TestBed> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await mkdtempDisposable(join(tmpdir(), 'lade-snapshots-')));
  const db = resources.adopt(openDatabase(join(folder.path, 'state.db')), (db) => db.close());
  const layers = new PlainLayers(join(folder.path, 'layers'));
  const root = join(folder.path, 'root');
  const commits: TestBed['commits'] = [];
  const unpacked = { count: 0 };
  const listener: CommitListener = {
    committed: (layer) => void commits.push(layer),
    unpacked: () => void unpacked.count++,
  };
  const owned = resources.move();
  return {
    folder: folder.path,
    root,
    db,
    layers,
    commits,
    unpacked,
    open: async (options = {}) => {
      const fixed = { remote: NO_REMOTE, attributes: TAR_ATTRIBUTES, boot: 'a boot' };
      const parts = { root, db, layers, listener, ...fixed };
      return owned.use(await Snapshotter.open({ ...parts, ...options }));
    },
    async contents() {
      const names = await readdir(join(root, 'snapshots'));
      const ready = names.filter((name) => name.startsWith('new-'));
      assert.ok(ready.length <= 1, ready.join(' '));
      return names.filter((name) => !ready.includes(name));
    },
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}
