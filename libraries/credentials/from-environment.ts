import type { CredentialFinder } from './credentials.ts';
import { unusable } from './parse-credentials.ts';

/** The variables of a process's environment. */
export type Environment = (name: string) => string | undefined;

/** As obsutil, Huawei Cloud's SDKs and AWS's tools call them. */
const NAMES = [
  ['OBS_ACCESS_KEY_ID', 'OBS_SECRET_ACCESS_KEY', 'OBS_SECURITY_TOKEN'],
  ['HUAWEICLOUD_SDK_AK', 'HUAWEICLOUD_SDK_SK', 'HUAWEICLOUD_SDK_SECURITY_TOKEN'],
  ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'],
] as const;

/** Long-lived ones, since nobody can change a process's environment. */
export function fromEnvironment(environment: Environment): CredentialFinder {
  return async () => {
    for (const [keyName, secretName, tokenName] of NAMES) {
      const [accessKeyId, secretAccessKey, sessionToken] = [keyName, secretName, tokenName].map((name) =>
        environment(name),
      );
      if (!accessKeyId) continue;
      const source = `environment variable ${keyName}`;
      if (!secretAccessKey) throw unusable(source, `${secretName} is not set`);
      return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}), source };
    }
    return undefined;
  };
}
