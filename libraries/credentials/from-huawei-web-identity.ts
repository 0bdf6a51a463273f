import { readFile } from 'node:fs/promises';
import { ask } from './ask.ts';
import type { CredentialFinder } from './credentials.ts';
import type { Environment } from './from-environment.ts';
import { parseCredentials, unusable } from './parse-credentials.ts';

const SOURCE = 'web identity (HUAWEICLOUD_SDK_ID_TOKEN_FILE)';
const LIFETIME_SECONDS = 3600;

/**
 * The token of a pod's service account, given to IAM for a token of IAM, and that for temporary keys, as Huawei Cloud's SDKs do it on
 * CCE (IAM API reference: "id-token/tokens", "OS-CREDENTIAL/securitytokens"). The environment names provider, file and project. Undefined without
 * provider and file.
 */
export function fromHuaweiWebIdentity(environment: Environment, iam: string): CredentialFinder {
  const provider = environment('HUAWEICLOUD_SDK_IDP_ID');
  const file = environment('HUAWEICLOUD_SDK_ID_TOKEN_FILE');
  if (!provider || !file) return async () => undefined;
  return async (signal) => {
    const id = await readFile(file, { encoding: 'utf8', signal }).catch((reason: unknown) => {
      signal.throwIfAborted();
      throw unusable(SOURCE, `${file} cannot be read`, reason);
    });
    const token = await exchange(id.trim(), { environment, provider, iam, signal });
    const body = {
      auth: { identity: { methods: ['token'], token: { id: token, duration_seconds: LIFETIME_SECONDS } } },
    };
    const answer = await ask(
      {
        method: 'POST',
        url: `${iam}/v3.0/OS-CREDENTIAL/securitytokens`,
        headers: { 'Content-Type': 'application/json', 'X-Auth-Token': token },
        body: JSON.stringify(body),
        signal,
      },
      SOURCE,
    );
    return { ...parseCredentials(answer.text, SOURCE), source: SOURCE };
  };
}

interface Exchange {
  readonly environment: Environment;
  readonly provider: string;
  readonly iam: string;
  readonly signal: AbortSignal;
}

async function exchange(id: string, { environment, provider, iam, signal }: Exchange): Promise<string> {
  const project = environment('HUAWEICLOUD_SDK_PROJECT_ID');
  const scope = project ? { scope: { project: { id: project } } } : {};
  const answer = await ask(
    {
      method: 'POST',
      url: `${iam}/v3.0/OS-AUTH/id-token/tokens`,
      headers: { 'Content-Type': 'application/json', 'X-Idp-Id': provider },
      body: JSON.stringify({ auth: { id_token: { id }, ...scope } }),
      signal,
    },
    SOURCE,
  );
  const token = answer.headers.get('x-subject-token');
  if (token) return token;
  throw unusable(SOURCE, 'IAM gave no token (X-Subject-Token)');
}
