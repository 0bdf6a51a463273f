import { OpenDirectory } from './open-directory.ts';
import { present } from './changing-tree.ts';

/** A directory that is being read. */
export interface Level extends Disposable {
  /** From the root, as a byte string: '' or ending in a slash. */
  readonly path: string;
  readonly directory: OpenDirectory;
  /** The directory that lends it its attributes. */
  readonly correction: OpenDirectory | undefined;
  /** What is still to be read, the next one last. */
  readonly names: Buffer[];
}

/** Throws what opening the directories throws. */
export async function openRoot(directory: string, correction: string | undefined): Promise<Level> {
  using opened = new DisposableStack();
  const root = opened.use(new OpenDirectory(Buffer.from(directory)));
  const lender =
    correction === undefined ? undefined : opened.use(new OpenDirectory(Buffer.from(correction)));
  return await read({ path: '', directory: root, correction: lender }, opened);
}

/** Undefined when it has vanished. */
export async function openBelow(parent: Level, name: Buffer): Promise<Level | undefined> {
  using opened = new DisposableStack();
  const path = `${parent.path}${name.toString('latin1')}/`;
  const directory = present(path, () => new OpenDirectory(parent.directory.at(name)));
  if (!directory) return undefined;
  opened.use(directory);
  const above = parent.correction;
  const correction = above && present(path, () => new OpenDirectory(above.at(name)));
  if (correction) opened.use(correction);
  return await read({ path, directory, correction }, opened);
}

/** Takes over what was opened for it. */
async function read(
  level: Pick<Level, 'path' | 'directory' | 'correction'>,
  opened: DisposableStack,
): Promise<Level> {
  const names = await level.directory.names();
  const owned = opened.move();
  return { ...level, names: names.toReversed(), [Symbol.dispose]: () => owned.dispose() };
}
