import { ControlClient, controlSocketPath } from '@lade/control-protocol';
import { codeOf } from '@lade/errors';
import type { DiagnoseOptions, Outcome } from './doctor.ts';

const ANSWER_MS = 5_000;

/** A daemon that does not run is no fault: doctor is run before it, too. */
export async function examineDaemon({ address }: DiagnoseOptions): Promise<Outcome> {
  using client = ControlClient.open(controlSocketPath(address));
  try {
    const { version, layers, uploads } = await client.status({ signal: AbortSignal.timeout(ANSWER_MS) });
    const found = `version ${version} serves ${address}: ${layers} layers, ${uploads.waiting} uploads waiting`;
    if (uploads.lastError === undefined) return { state: 'ok', found };
    return {
      state: 'warning',
      found: `${found}; the last upload failed: ${uploads.lastError}`,
      cure: 'See what is found about the bucket; uploads are tried again until they succeed',
    };
  } catch (reason) {
    if (codeOf(reason) !== 'unavailable') throw reason;
    return { state: 'warning', found: `none serves ${address}`, cure: 'Start it with lade serve' };
  }
}
