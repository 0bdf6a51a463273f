import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { PublishedTree } from './published-trees.ts';
import type { ReadOrder, Seen } from './tree-reader.ts';

/** What readers have seen so far. */
export interface ReadFigures {
  readonly trees: number;
  readonly files: number;
  readonly bytes: number;
  /** The longest that one file took to be read. */
  readonly longestMs: number;
}

/** Processes that read trees and compare every byte. */
export class TreeReaders implements AsyncDisposable {
  readonly #readers: readonly Reader[];
  readonly #wrong: string[] = [];
  #trees = 0;
  #isReading = false;

  constructor(count: number) {
    this.#readers = Array.from({ length: count }, () => new Reader());
  }

  /** Resolves when all have read the whole tree below `root`. Throws when anything was not as it should be. */
  async read(root: string, tree: PublishedTree, random: () => number): Promise<void> {
    const orders = this.#readers.map(async (reader) => {
      const seed = Math.floor(random() * 2 ** 31);
      const seen = await reader.read({ root, seed });
      this.#wrong.push(...compare(seen, tree).map((what) => `${root}: ${what}`));
    });
    this.#isReading = true;
    await Promise.all(orders);
    this.#isReading = false;
    this.#trees += 1;
    if (this.#wrong.length > 0)
      throw new Error(
        `${this.#wrong.length} files were not as they are: ${this.#wrong.slice(0, 5).join('; ')}`,
      );
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  get figures(): ReadFigures {
    const sum = (of: (reader: Reader) => number): number =>
      this.#readers.reduce((total, reader) => total + of(reader), 0);
    return {
      trees: this.#trees,
      files: sum(({ files }) => files),
      bytes: sum(({ bytes }) => bytes),
      longestMs: Math.round(Math.max(...this.#readers.map(({ longestMs }) => longestMs))),
    };
  }

  /** One that waits in the kernel ends when nobody holds the files' kernel side any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#readers.map(async (reader) => reader[Symbol.asyncDispose]()));
  }
}

/** Every difference between what was seen and what there is. */
function compare(seen: readonly Seen[], { files }: PublishedTree): string[] {
  const wrong = seen.flatMap(({ path = '', sha256, error }) =>
    sha256 === files.get(path) ? [] : [`${path} ${error ?? 'has other bytes'}`],
  );
  return seen.length === files.size ? wrong : [...wrong, `${seen.length} files instead of ${files.size}`];
}

class Reader implements AsyncDisposable {
  files = 0;
  bytes = 0;
  longestMs = 0;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    const program = join(import.meta.dirname, 'tree-reader.ts');
    const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  }

  async read(order: ReadOrder): Promise<Seen[]> {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
    const all: Seen[] = [];
    for (let since = performance.now(); ; since = performance.now()) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error('a reader has ended');
      this.longestMs = Math.max(this.longestMs, performance.now() - since);
      const seen = JSON.parse(value) as Seen;
      if (seen.path === undefined) return all;
      all.push(seen);
      this.files += 1;
      this.bytes += seen.bytes ?? 0;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
