import type { ControlClient, RunEvent, RunRequest } from '@lade/control-protocol';
import { isCodedError } from '@lade/errors';
import { attach } from '../attach.ts';
import { defineCommand, type ExitCode, type Terminal } from '../command.ts';
import { openClient } from '../open-client.ts';
import { PullProgress } from '../pull-progress.ts';
import { RUN_LACKING, RUN_OPTIONS, checkRun, runRequest } from '../run-options.ts';
import { writeJson } from '../write-json.ts';

export const run = defineCommand({
  usage: 'run [OPTIONS] IMAGE [ARGS…]',
  summary: 'start a container and follow it; brings the image if it is not here',
  details:
    'Ends with the exit status of its program: 127 where there is no such program, 126 where it cannot be executed.\n' +
    'With -it the program has this terminal; with -d it goes on in the background.\n',
  options: RUN_OPTIONS,
  lacking: RUN_LACKING,
  operands: ['IMAGE'],
  more: 'passed on',
  check: checkRun,
  async run({ values, operands: [image = '', ...args], terminal }) {
    using client = openClient(values);
    const { detach, json, interactive = false, tty = false } = values;
    const request = runRequest(image, args, values);
    const events = runOrPull(client, request, terminal);
    if (detach) return await tellName(events, json, terminal);
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
  terminal: Terminal,
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
    // Standard output is the container's.
    using progress = new PullProgress({ ...terminal, stdout: terminal.stderr });
    for await (const event of client.pull({ image, ...(namespace === undefined ? {} : { namespace }) }))
      progress.tell(event);
  }
  yield* client.containers.run(request);
}

/** Leaving the stream then leaves the container running. */
async function tellName(
  events: AsyncIterable<RunEvent>,
  json: boolean | undefined,
  { stdout }: Terminal,
): Promise<ExitCode> {
  for await (const event of events) {
    if (event.kind !== 'started') continue;
    const { id, pid, ms } = event;
    if (json) writeJson(stdout, { id, pid, ms });
    else stdout.write(`${id}\n`);
    break;
  }
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
