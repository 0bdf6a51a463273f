import { ControlClient, controlSocketPath } from '@lade/control-protocol';

/** The options of every command that talks to the daemon. */
export const CLIENT_OPTIONS = { address: { type: 'string' }, json: { type: 'boolean' } } as const;

/** The options of every command for containers. */
export const CONTAINER_OPTIONS = { address: { type: 'string' }, namespace: { type: 'string' } } as const;

const DEFAULT_ADDRESS = '/run/lade/lade.sock';

/** The daemon at `--address`, else at LADE_ADDRESS. */
export function openClient({ address }: { readonly address?: string | undefined }): ControlClient {
  return ControlClient.open(controlSocketPath(address ?? process.env['LADE_ADDRESS'] ?? DEFAULT_ADDRESS));
}
