import type { ControlClient, RunEvent, RunRequest } from '@lade/control-protocol';
import { isCodedError } from '@lade/errors';
import { attach } from '../attach.ts';
import { defineCommand, wrongUsage, type ExitCode, type Terminal } from '../command.ts';
import { CONTAINER_OPTIONS, openClient } from '../open-client.ts';
import { PROCESS_OPTIONS, checkTerminal, processRequest } from '../process-options.ts';
import { ProgressLine } from '../progress-line.ts';

export const run = defineCommand({
  usage:
    'run [-i] [-t] [-d|--detach] [--rm] [--name NAME] [-e NAME=VALUE] [-u USER] [-w DIR] [--network none|host] [--net-host] [--read-only] ' +
    '[--entrypoint PROGRAM] [--namespace NAME] [--address SOCKET] IMAGE [ARGS…]',
  summary:
    'start a container and follow it, with its exit status; -it with this terminal, -d in the background; brings the image if it is not here',
  options: {
    ...CONTAINER_OPTIONS,
    ...PROCESS_OPTIONS,
    detach: { type: 'boolean', short: 'd' },
    rm: { type: 'boolean' },
    name: { type: 'string' },
    network: { type: 'string' },
    'net-host': { type: 'boolean' },
    'read-only': { type: 'boolean' },
    entrypoint: { type: 'string' },
  },
  operands: ['IMAGE'],
  more: 'passed on',
  check(values) {
    checkTerminal(values);
    const { detach, interactive, tty, network = 'none' } = values;
    if (detach && (interactive || tty))
      throw wrongUsage('-d goes with neither -i nor -t', 'Leave out one of them');
    if (network !== 'none' && network !== 'host')
      throw wrongUsage(
        `there is no network ${JSON.stringify(network)}`,
        'Use --network none or --network host',
      );
  },
  async run({ values, operands: [image = '', ...args], terminal }) {
    using client = openClient(values);
    const { namespace, detach = false, interactive = false, tty = false, name, entrypoint } = values;
    const request: RunRequest = {
      image,
      ...processRequest(values),
      ...(args.length > 0 ? { args } : {}),
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { id: name }),
      ...(entrypoint === undefined ? {} : { entrypoint: entrypoint === '' ? [] : [entrypoint] }),
      hostNetwork: values['net-host'] === true || values.network === 'host',
      readOnly: values['read-only'] ?? false,
      remove: values.rm ?? false,
      input: interactive,
      detach,
    };
    const events = runOrPull(client, request, terminal);
    if (detach) return await tellName(events, terminal);
    return await attach(tty ? events : stopOnSignal(events, client, request), {
      containers: client.containers,
      interactive,
      terminal: tty,
    });
  },
});

/** Brings the image first where it is not here. */
async function* runOrPull(
  client: ControlClient,
  request: RunRequest,
  { stderr }: Terminal,
): AsyncGenerator<RunEvent> {
  const { image, namespace } = request;
  let hasBegun = false;
  try {
    for await (const event of client.containers.run(request)) {
      hasBegun = true;
      yield event;
    }
    return;
  } catch (reason) {
    if (hasBegun || !isCodedError(reason, 'not_found')) throw reason;
  }
  {
    using progress = new ProgressLine(stderr);
    for await (const { kind } of client.pull(image, namespace === undefined ? {} : { namespace }))
      progress.show(`${image}: ${kind}`);
  }
  yield* client.containers.run(request);
}

async function tellName(events: AsyncIterable<RunEvent>, { stdout }: Terminal): Promise<ExitCode> {
  for await (const event of events) if (event.kind === 'started') stdout.write(`${event.id}\n`);
  return 0;
}

/** Ctrl-C without a terminal of its own: the container is asked to end, and its exit status tells how it did. */
async function* stopOnSignal(
  events: AsyncIterable<RunEvent>,
  client: ControlClient,
  { namespace }: RunRequest,
): AsyncGenerator<RunEvent> {
  using signals = new DisposableStack();
  for await (const event of events) {
    if (event.kind === 'started') {
      const stop = (): void => void client.containers.stop(event.id, { namespace }).catch(() => {});
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.once(signal, stop);
        signals.defer(() => void process.off(signal, stop));
      }
    }
    yield event;
  }
}
