import { cgroupOf } from '@lade/containers';
import { isCodedError } from '@lade/errors';
import type { TaskEvent, TaskSource } from '@lade/starts';
import type { ContainerdNode } from './containerd-node.ts';

const KINDS: ReadonlyMap<string, TaskEvent['kind']> = new Map([
  ['/containers/create', 'recorded'],
  ['/tasks/create', 'created'],
  ['/tasks/start', 'started'],
  ['/tasks/exit', 'exited'],
]);

/** The messages of these topics, as far as they matter. */
interface AnyMessage {
  readonly id?: string;
  readonly containerId?: string;
}

/** What this node's containerd tells of the containers of all clients that use `snapshotter`. */
export function createTaskSource(node: ContainerdNode, snapshotter: string): TaskSource {
  return {
    async list(signal) {
      const namespaces = await node.namespaces({ signal });
      const lists = await Promise.all(
        namespaces.map(async (namespace) => {
          const records = await node.inNamespace(namespace).containers.list([], { signal });
          return records.map(({ id, spec }) => ({ namespace, id, cgroup: cgroupOf(spec) }));
        }),
      );
      return lists.flat();
    },
    async *events(signal) {
      for await (const { topic, namespace, timestamp: at, message } of node.events(
        [...KINDS.keys()],
        signal,
      )) {
        const { id, containerId = id } = (message ?? {}) as AnyMessage;
        const kind = KINDS.get(topic);
        // Processes that exec has added end, too.
        if (kind === undefined || containerId === undefined || (kind === 'exited' && id !== containerId))
          continue;
        yield { kind, namespace, id: containerId, at };
      }
    },
    async find(namespace, id, signal) {
      try {
        const record = await node.inNamespace(namespace).containers.get(id, { signal });
        if (record.snapshotter !== snapshotter) return undefined;
        return { image: record.image, snapshotKey: record.snapshotKey, cgroup: cgroupOf(record.spec) };
      } catch (reason) {
        if (isCodedError(reason, 'not_found')) return undefined;
        throw reason;
      }
    },
  };
}
