import { ask } from './ask.ts';
import type { CredentialFinder } from './credentials.ts';
import { parseCredentials } from './parse-credentials.ts';
import { signHuawei } from './sign-huawei.ts';

export interface Agency {
  readonly name: string;
  /** The account that has made the agency. */
  readonly domain: string;
}

const LIFETIME_SECONDS = 3600;

/** Temporary keys of an agency that the found ones may act for (IAM API reference, "assume_role"). Undefined where none are found. */
export function asHuaweiAgency(find: CredentialFinder, agency: Agency, iam: string): CredentialFinder {
  return async (signal) => {
    const own = await find(signal);
    if (!own) return undefined;
    const source = `agency ${agency.name} of ${agency.domain}, by ${own.source}`;
    const role = {
      agency_name: agency.name,
      domain_name: agency.domain,
      duration_seconds: LIFETIME_SECONDS,
    };
    const request = {
      method: 'POST',
      url: `${iam}/v3.0/OS-CREDENTIAL/securitytokens`,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ auth: { identity: { methods: ['assume_role'], assume_role: role } } }),
    } as const;
    const headers = signHuawei(request, own, new Date());
    const answer = await ask({ ...request, headers, signal }, source);
    return { ...parseCredentials(answer.text, source), source };
  };
}
