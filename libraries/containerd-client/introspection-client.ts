import { Introspection, type Plugin as WirePlugin } from '@lade/protocol/introspection';
import type { Connection, RequestOptions } from './connection.ts';

export interface Plugin {
  /** Such as io.containerd.snapshotter.v1. */
  readonly type: string;
  readonly id: string;
  /** What it tells about itself, such as `root`, the folder of its data. */
  readonly exports: Readonly<Record<string, string>>;
  readonly capabilities: readonly string[];
  /** Why it does not run; undefined for one that does. */
  readonly failure: string | undefined;
}

/** What this containerd is made of. */
export class IntrospectionClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** All that match one of the filters (`type==io.containerd.snapshotter.v1`), or all. */
  async plugins(filters: readonly string[] = [], options: RequestOptions = {}): Promise<Plugin[]> {
    const request = { filters: [...filters] };
    const { plugins } = await this.#connection.call(Introspection.method.plugins, request, options);
    return plugins.map(toPlugin);
  }

  /** An id that stays with containerd's root folder, and its process. */
  async server(options: RequestOptions = {}): Promise<{ readonly uuid: string; readonly pid: number }> {
    const { uuid, pid } = await this.#connection.call(Introspection.method.server, {}, options);
    return { uuid, pid: Number(pid) };
  }
}

function toPlugin({ type, id, exports, capabilities, initErr }: WirePlugin): Plugin {
  return { type, id, exports: { ...exports }, capabilities, failure: initErr?.message };
}
