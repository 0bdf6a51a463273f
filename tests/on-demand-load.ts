import { setTimeout as sleep } from 'node:timers/promises';
import type { OnDemandNode } from './on-demand-node.ts';
import type { PublishedTree } from './published-trees.ts';
import type { TreeReaders } from './tree-readers.ts';

/** No promise about time: a reader that takes so long waits for ever. */
const PATIENCE_MS = 30_000;

export interface LoadPlace {
  readonly node: OnDemandNode;
  readonly trees: readonly PublishedTree[];
  readonly readers: TreeReaders;
  readonly random: () => number;
}

/** Runs `work` while readers read one cold tree after the other, and throws when any of them notices anything. */
export async function underLoad(place: LoadPlace, work: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const load = readTrees(place, stop.signal);
  const ended = load.then(() => Promise.reject(new Error('the readers have ended')));
  const failures: unknown[] = [];
  const note = (reason: unknown): void => void failures.push(reason);
  await Promise.race([work(), ended]).catch(note);
  stop.abort();
  await Promise.race([load, sleep(PATIENCE_MS, undefined, { ref: false }).then(tellStuck)]).catch(note);
  if (failures.length > 0)
    throw new AggregateError(failures, `${failures.map(String).join('; ')}; ${await place.node.lastWords()}`);
}

async function readTrees({ node, trees, readers, random }: LoadPlace, signal: AbortSignal): Promise<void> {
  for (let n = 0; !signal.aborted; n++) {
    const tree = trees[n % trees.length];
    if (!tree) throw new RangeError('there are no trees');
    const mounted = await node.mount(tree.chain);
    await readers.read(mounted.path, tree, random);
    await node.unmount(mounted);
  }
}

function tellStuck(): never {
  throw new Error('readers still wait');
}
