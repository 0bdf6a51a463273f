import type {
  ContainerSummary,
  ExecRequest,
  OutputEvent,
  RunEvent,
  RunRequest,
  TerminalSize,
} from './messages-containers.ts';
import { withQuery } from './with-query.ts';

export interface WaitOptions {
  readonly signal?: AbortSignal;
}

interface ScopeOptions extends WaitOptions {
  /** containerd's; the daemon has a default. */
  readonly namespace?: string | undefined;
}

/** One request. */
export interface Call extends WaitOptions {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** An object goes as JSON. */
  readonly body?: object | Uint8Array;
}

/** How a client asks. */
export interface Caller {
  document(call: Call): Promise<unknown>;
  events<T extends object>(call: Call): AsyncIterable<T>;
  /** For what is answered with nothing. */
  done(call: Call): Promise<void>;
}

/** The containers of a daemon's node. */
export class ContainerCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async list({ namespace, ...waiting }: ScopeOptions = {}): Promise<readonly ContainerSummary[]> {
    const path = withQuery('/v1/containers', { namespace });
    const document = await this.#caller.document({ method: 'GET', path, ...waiting });
    return (document as { readonly containers: readonly ContainerSummary[] }).containers;
  }

  /** With the files that it has read. Throws `not_found`. */
  async get(id: string, { namespace, ...waiting }: ScopeOptions = {}): Promise<ContainerSummary> {
    const path = withQuery(pathOf(id), { namespace });
    return (await this.#caller.document({ method: 'GET', path, ...waiting })) as ContainerSummary;
  }

  /** Leaving the stream after the start leaves the container running. */
  run(body: RunRequest, options: WaitOptions = {}): AsyncIterable<RunEvent> {
    return this.#caller.events({ method: 'POST', path: '/v1/containers', body, ...options });
  }

  /** Leaving the stream ends the process. */
  exec(id: string, body: ExecRequest, options: WaitOptions = {}): AsyncIterable<OutputEvent> {
    return this.#caller.events({ method: 'POST', path: `${pathOf(id)}/exec`, body, ...options });
  }

  logs(
    id: string,
    options: ScopeOptions & {
      readonly follow?: boolean | undefined;
      readonly tail?: number | undefined;
    } = {},
  ): AsyncIterable<OutputEvent> {
    const { signal, ...query } = options;
    const path = withQuery(`${pathOf(id)}/logs`, query);
    return this.#caller.events({ method: 'GET', path, ...(signal ? { signal } : {}) });
  }

  async stop(
    id: string,
    options: ScopeOptions & { readonly seconds?: number | undefined } = {},
  ): Promise<void> {
    const { signal, ...body } = options;
    const path = `${pathOf(id)}/stop`;
    await this.#caller.done({ method: 'POST', path, body, ...(signal ? { signal } : {}) });
  }

  async remove(
    id: string,
    options: ScopeOptions & { readonly force?: boolean | undefined } = {},
  ): Promise<void> {
    const { signal, ...query } = options;
    const path = withQuery(pathOf(id), query);
    await this.#caller.done({ method: 'DELETE', path, ...(signal ? { signal } : {}) });
  }

  /** At most 64 KiB; none at all end the input. Resolves when the process can read them. */
  async write(session: string, body: Uint8Array): Promise<void> {
    await this.#caller.done({
      method: 'POST',
      path: `/v1/sessions/${encodeURIComponent(session)}/input`,
      body,
    });
  }

  async resize(session: string, body: TerminalSize): Promise<void> {
    await this.#caller.done({
      method: 'POST',
      path: `/v1/sessions/${encodeURIComponent(session)}/size`,
      body,
    });
  }
}

function pathOf(id: string): string {
  return `/v1/containers/${encodeURIComponent(id)}`;
}
