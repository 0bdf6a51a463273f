import { ControlClient, controlSocketPath, type Status } from '@lade/control-protocol';
import { isCodedError } from '@lade/errors';
import type { DiagnoseOptions, Outcome } from './doctor.ts';

const ANSWER_MS = 5_000;

/** What the daemon says of itself that serves `address`; undefined where none does. Throws when it cannot be asked. */
export async function findDaemon(address: string): Promise<Status | undefined> {
  using client = ControlClient.open(controlSocketPath(address));
  try {
    return await client.status({ signal: AbortSignal.timeout(ANSWER_MS) });
  } catch (reason) {
    if (isCodedError(reason, 'unavailable')) return undefined;
    throw reason;
  }
}

/** A daemon that does not run is no fault: doctor is run before it, too. */
export async function examineDaemon({ address, daemon }: DiagnoseOptions): Promise<Outcome> {
  const status = daemon ?? (await findDaemon(address));
  if (!status) return { state: 'warning', found: `none serves ${address}`, cure: 'Start it with lade serve' };
  const { version, layers, uploads } = status;
  const found = `version ${version} serves ${address}: ${layers} layers, ${uploads.waiting} uploads waiting`;
  if (uploads.lastError === undefined) return { state: 'ok', found };
  return {
    state: 'warning',
    found: `${found}; the last upload failed: ${uploads.lastError}`,
    cure: 'See what is found about the bucket; uploads are tried again until they succeed',
  };
}
