import type { RunRequest } from '@lade/control-protocol';
import { wrongUsage } from './command.ts';
import { ADDRESS, JSON_OPTION, NAMESPACE, namespaceIn } from './open-client.ts';
import { parseMounts } from './parse-mounts.ts';
import { PROCESS_OPTIONS, checkTerminal, processRequest, type ProcessValues } from './process-options.ts';

export const RUN_OPTIONS = {
  ...PROCESS_OPTIONS,
  detach: { type: 'boolean', short: 'd', description: 'leave it in the background, and print its name' },
  rm: { type: 'boolean', description: 'remove it when it has ended' },
  name: { type: 'string', argument: 'NAME', description: 'call it so; default: a random name' },
  volume: {
    type: 'string',
    short: 'v',
    multiple: true,
    argument: 'HOST:DIR[:ro]',
    description: 'show it a folder or file of this node',
  },
  network: { type: 'string', argument: 'none|host', description: "none (default), or this node's" },
  net: { type: 'string', argument: 'none|host', description: 'the same as --network' },
  'net-host': { type: 'boolean', description: 'the same as --network host' },
  hostname: { type: 'string', short: 'h', argument: 'NAME', description: 'what it takes itself for' },
  'read-only': { type: 'boolean', description: 'nothing of its root can be changed' },
  entrypoint: { type: 'string', argument: 'PROGRAM', description: "instead of the image's" },
  namespace: NAMESPACE,
  json: { ...JSON_OPTION, description: 'with -d: print name, pid and time as JSON' },
  address: ADDRESS,
} as const;

const NO_PORTS = 'Its network is its own loopback; with --network host its ports are those of this node';
const NO_LIMITS =
  'There are no limits; containers of Kubernetes, ctr or nerdctl have them, with Lade’s layers, too';
const NO_RIGHTS = 'Containers have containerd’s default rights; for others use ctr run --snapshotter lade';
const NO_RESTART = 'Nobody starts it again; have systemd run it in the foreground, with Restart=';
const NO_PULL = 'It is pulled where it is not here; a newer one is brought with lade pull';
const ONLY_BINDS = 'Use -v /ON/THIS/NODE:/IN/THE/CONTAINER';

/** What docker has besides. */
export const RUN_LACKING: Readonly<Record<string, string>> = {
  '-p': NO_PORTS,
  '--publish': NO_PORTS,
  '-P': NO_PORTS,
  '-m': NO_LIMITS,
  '--memory': NO_LIMITS,
  '-c': NO_LIMITS,
  '--cpus': NO_LIMITS,
  '--pids-limit': NO_LIMITS,
  '--privileged': NO_RIGHTS,
  '--cap-add': NO_RIGHTS,
  '--cap-drop': NO_RIGHTS,
  '--device': NO_RIGHTS,
  '--gpus': NO_RIGHTS,
  '--security-opt': NO_RIGHTS,
  '--restart': NO_RESTART,
  '--pull': NO_PULL,
  '--mount': ONLY_BINDS,
  '--tmpfs': ONLY_BINDS,
  '--platform': 'Containers are of this machine’s platform',
};

interface RunValues extends ProcessValues {
  readonly detach?: boolean | undefined;
  readonly rm?: boolean | undefined;
  readonly name?: string | undefined;
  readonly volume?: string[] | undefined;
  readonly network?: string | undefined;
  readonly net?: string | undefined;
  readonly 'net-host'?: boolean | undefined;
  readonly hostname?: string | undefined;
  readonly 'read-only'?: boolean | undefined;
  readonly entrypoint?: string | undefined;
  readonly namespace?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Throws `invalid_argument` for what does not go together. */
export function checkRun(values: RunValues): void {
  const { detach, interactive, tty, json } = values;
  if (!detach) checkTerminal(values);
  if (detach && interactive && !tty)
    throw wrongUsage('-d with -i needs -t: nobody is there to send input', 'Use -dit, or leave out -i');
  if (json && !detach) throw wrongUsage('--json goes with -d', 'Use lade run -d --json');
  for (const network of [values.network, values.net])
    if (network !== undefined && network !== 'none' && network !== 'host')
      throw wrongUsage(
        `there is no network ${JSON.stringify(network)}`,
        'Use --network none or --network host',
      );
  parseMounts(values.volume);
}

/** What the control API is told. In the background, a terminal is one that its client leaves. */
export function runRequest(image: string, args: readonly string[], values: RunValues): RunRequest {
  const { detach = false, interactive = false, tty = false, name, entrypoint, hostname, volume } = values;
  const isHost = [values.network, values.net].includes('host') || values['net-host'] === true;
  return {
    image,
    ...processRequest(values),
    ...(args.length > 0 ? { args } : {}),
    ...namespaceIn(values),
    ...(name === undefined ? {} : { id: name }),
    ...(entrypoint === undefined ? {} : { entrypoint: entrypoint === '' ? [] : [entrypoint] }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(volume === undefined ? {} : { mounts: parseMounts(volume) }),
    hostNetwork: isHost,
    readOnly: values['read-only'] ?? false,
    remove: values.rm ?? false,
    input: interactive && !detach,
    detach: detach && !tty,
  };
}
