import type { Digest } from '@lade/oci';
import type { ReadBook } from '@lade/residency';

/** What containerd tells of containers: their records and tasks are made, the tasks start and end. */
export interface TaskEvent {
  readonly kind: 'recorded' | 'created' | 'started' | 'exited';
  readonly namespace: string;
  readonly id: string;
  readonly at: Date;
}

/** A container with this snapshotter, as its record has it. */
export interface ContainerRecord {
  readonly image: string;
  readonly snapshotKey: string;
  /** The path of its control group, or the end of that; undefined where the record does not say. */
  readonly cgroup: string | undefined;
}

export interface TaskSource {
  /** The containers of all clients and snapshotters. */
  list(
    signal: AbortSignal,
  ): Promise<
    readonly { readonly namespace: string; readonly id: string; readonly cgroup: string | undefined }[]
  >;
  /** From now on; ends with an error when containerd goes away. */
  events(signal: AbortSignal): AsyncIterable<TaskEvent>;
  /** Undefined for one that is gone, or of another snapshotter. */
  find(namespace: string, id: string, signal: AbortSignal): Promise<ContainerRecord | undefined>;
}

/** A layer below a container's snapshot. */
export interface Level {
  /** Undefined for one that is a directory, as containerd's own differ has unpacked it. */
  readonly layer:
    | { readonly diffId: Digest; readonly origin: 'converted' | 'fetched'; readonly createdAt: Date }
    | undefined;
  readonly chainId: Digest | undefined;
}

export interface StartPorts {
  readonly tasks: TaskSource;
  /** What a container's snapshot stands on, bottom first; undefined for one of another snapshotter. */
  readonly levels: (
    namespace: string,
    snapshotKey: string,
  ) => { readonly createdAt: Date; readonly levels: readonly Level[] } | undefined;
  readonly reads: ReadBook;
}
