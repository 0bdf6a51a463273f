import type { Mount } from './mount.ts';
import type { Labels } from '@lade/containerd-store';
import type { Info } from './snapshot.ts';

type Awaitable<T> = T | PromiseLike<T>;

interface ReadsSnapshots {
  stat(key: string): Awaitable<Info>;
  walk(filters?: readonly string[]): Iterable<Info> | AsyncIterable<Info>;
  mounts(key: string): Awaitable<readonly Mount[]>;
}

interface ChangesSnapshots {
  prepare(key: string, parent: string, labels?: Labels): Awaitable<readonly Mount[]>;
  view(key: string, parent: string, labels?: Labels): Awaitable<readonly Mount[]>;
  commit(
    name: string,
    key: string,
    options?: { readonly labels?: Labels; readonly parent?: string },
  ): Awaitable<void>;
  remove(key: string): Awaitable<void>;
  update(info: Pick<Info, 'name' | 'labels'>, fieldPaths?: readonly string[]): Awaitable<Info>;
}

/** What the conformance suite drives: the Snapshotter itself, or a client of a service that wraps it. */
export interface ConformanceSubject extends ReadsSnapshots, ChangesSnapshots, AsyncDisposable {}

/** A case gets an empty snapshotter and an empty directory to play in; it throws when the snapshotter is wrong. */
export type ConformanceCase = (snapshotter: ConformanceSubject, work: string) => Promise<void>;
