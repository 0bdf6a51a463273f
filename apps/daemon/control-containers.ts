import type { Containers, ProcessEvent } from '@lade/containers';
import type { OutputEvent } from '@lade/control-protocol';
import type { ContainerWork } from '@lade/control-service';
import type { ContainerViews } from './container-views.ts';

/** What the control API can do with containers. */
export function createContainerWork(containers: Containers, views: ContainerViews): ContainerWork {
  return {
    list: async (options) => views.summarise(await containers.list(options)),
    get: async (id, options) => views.detail(await containers.get(id, options)),
    run: ({ columns, rows, ...request }, { namespace, signal }) =>
      encodeOutput(containers.run({ ...request, namespace, ...sizeOf(columns, rows) }, signal)),
    exec: (id, { columns, rows, ...request }, { namespace, signal }) =>
      encodeOutput(containers.exec(id, { ...request, namespace, ...sizeOf(columns, rows) }, signal)),
    logs: (id, options) => encodeOutput(asEvents(containers.logs(id, options))),
    stop: async (id, options) => containers.stop(id, options),
    remove: async (id, options) => containers.remove(id, options),
    sessions: containers.sessions,
  };
}

function sizeOf(
  columns = 80,
  rows = 24,
): { readonly size: { readonly columns: number; readonly rows: number } } {
  return { size: { columns, rows } };
}

async function* asEvents(output: ReturnType<Containers['logs']>): AsyncGenerator<ProcessEvent> {
  for await (const piece of output) yield { kind: 'output', ...piece };
}

async function* encodeOutput<T extends { readonly kind: string }>(
  events: AsyncIterable<T | Extract<ProcessEvent, { kind: 'output' }>>,
): AsyncGenerator<T | OutputEvent> {
  for await (const event of events) {
    if ('bytes' in event) {
      const { kind, stream, bytes } = event;
      yield {
        kind,
        stream,
        data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'),
      };
    } else yield event;
  }
}
