import { createRegistry, type Message } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  file_containerd_events_container,
  file_containerd_events_content,
  file_containerd_events_image,
  file_containerd_events_namespace,
  file_containerd_events_snapshot,
  file_containerd_events_task,
} from '@lade/protocol';
import { Events } from '@lade/protocol/events';
import type { Connection, RequestOptions } from './connection.ts';
import { toDate } from './translate.ts';

export interface ContainerdEvent {
  readonly timestamp: Date;
  readonly namespace: string;
  /** Such as /images/create. */
  readonly topic: string;
  /** A message of @lade/protocol such as ImageCreate, for isMessage(); undefined for an event that we do not know. */
  readonly message: Message | undefined;
}

const registry = createRegistry(
  file_containerd_events_container,
  file_containerd_events_content,
  file_containerd_events_image,
  file_containerd_events_namespace,
  file_containerd_events_snapshot,
  file_containerd_events_task,
);

export class EventsClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Events of all namespaces, from the first pull of the iterator on, that match one of the filters (`topic~="/images/"`), or
   * all. Ends with `unavailable` when containerd goes away; what happened meanwhile is lost.
   */
  async *subscribe(
    filters: readonly string[] = [],
    options: RequestOptions = {},
  ): AsyncGenerator<ContainerdEvent> {
    const request = { filters: [...filters] };
    for await (const envelope of this.#connection.stream(Events.method.subscribe, request, options)) {
      const { timestamp, namespace, topic, event } = envelope;
      const message = event === undefined ? undefined : anyUnpack(event, registry);
      yield { timestamp: toDate(timestamp), namespace, topic, message };
    }
  }
}
