import type { CredentialFinder, Credentials } from './credentials.ts';
import { unusable } from './parse-credentials.ts';

const SOURCE = "AWS's chain: profiles, web identity, container, instance";
const PATIENCE_MS = 1_500;

/**
 * What AWS's own chain finds: profiles with keys, roles, SSO or credential_process, web identity (EKS), container and instance roles. Looks
 * at the files anew every time. Throws when it finds nothing: there is no other place.
 */
export function fromAws(region: string | undefined): CredentialFinder {
  return async (signal) => {
    const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
    const provide = defaultProvider({
      ignoreCache: true,
      timeout: PATIENCE_MS,
      maxRetries: 1,
      ...(region === undefined ? {} : { clientConfig: { region } }),
    });
    try {
      const { accessKeyId, secretAccessKey, sessionToken, expiration } = await provide();
      const found: Credentials = {
        accessKeyId,
        secretAccessKey,
        ...(sessionToken ? { sessionToken } : {}),
        ...(expiration ? { expiresAt: expiration } : {}),
      };
      return { ...found, source: SOURCE };
    } catch (reason) {
      signal.throwIfAborted();
      throw unusable(SOURCE, reason instanceof Error ? reason.message : String(reason), reason);
    }
  };
}
