import { ControlClient, controlSocketPath } from '@lade/control-protocol';

const DEFAULT_ADDRESS = '/run/lade/lade.sock';

export const ADDRESS = {
  type: 'string',
  argument: 'SOCKET',
  description: `the daemon's socket; default: LADE_ADDRESS, else ${DEFAULT_ADDRESS}`,
} as const;

export const JSON_OPTION = { type: 'boolean', description: 'print JSON, for scripts' } as const;

export const NAMESPACE = {
  type: 'string',
  short: 'n',
  argument: 'NAME',
  description: "containerd's namespace; default: CONTAINERD_NAMESPACE, else default",
} as const;

/** The options of every command that talks to the daemon. */
export const CLIENT_OPTIONS = { json: JSON_OPTION, address: ADDRESS } as const;

/** The daemon at `--address`, else at LADE_ADDRESS. */
export function openClient({ address }: { readonly address?: string | undefined }): ControlClient {
  return ControlClient.open(controlSocketPath(address ?? process.env['LADE_ADDRESS'] ?? DEFAULT_ADDRESS));
}

/** `--namespace`, else what the variable says that ctr and nerdctl read. */
export function namespaceIn({ namespace }: { readonly namespace?: string | undefined }): {
  readonly namespace?: string;
} {
  const name = namespace ?? process.env['CONTAINERD_NAMESPACE'];
  return name === undefined || name === '' ? {} : { namespace: name };
}
