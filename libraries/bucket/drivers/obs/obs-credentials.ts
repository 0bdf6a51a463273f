import { CodedError } from '@lade/errors';
import type { CredentialSource } from '../../credentials.ts';
import type { Environment } from '../../open-bucket.ts';

/** Credentials from OBS_ACCESS_KEY_ID, OBS_SECRET_ACCESS_KEY and, for temporary ones, OBS_SECURITY_TOKEN. */
export function credentialsFrom(environment: Environment, location: string): CredentialSource {
  return async () => {
    const accessKeyId = environment('OBS_ACCESS_KEY_ID');
    const secretAccessKey = environment('OBS_SECRET_ACCESS_KEY');
    const sessionToken = environment('OBS_SECURITY_TOKEN');
    if (!accessKeyId || !secretAccessKey) {
      throw new CodedError(
        'unauthenticated',
        `Cannot sign requests to ${location}: there are no credentials`,
        {
          cure: 'Set OBS_ACCESS_KEY_ID and OBS_SECRET_ACCESS_KEY, and OBS_SECURITY_TOKEN for temporary ones',
        },
      );
    }
    return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
  };
}
