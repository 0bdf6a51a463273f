import { ask } from './ask.ts';
import type { CredentialFinder } from './credentials.ts';
import { parseCredentials } from './parse-credentials.ts';

const SOURCE = "agency of this machine (Huawei Cloud's metadata service)";
/** The service is on this machine's link: whoever does not answer by then is not there. */
const PATIENCE_MS = 1_500;
const TOKEN_SECONDS = '60';

const HUAWEI_METADATA = 'http://169.254.169.254';

/**
 * Temporary keys of the agency that an Elastic Cloud Server has (ECS user guide, "Security Key"), valid for an hour; new ones are there ten
 * minutes before. Speaks version 2 of the service where there is one, which wants a token first. Undefined on other machines, and
 * without an agency.
 */
export function fromHuaweiMetadata(endpoint = HUAWEI_METADATA): CredentialFinder {
  return async (signal) => {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const get = { method: 'GET', url: `${endpoint}/openstack/latest/securitykey`, signal: patience } as const;
    const token = await tokenOf(endpoint, patience);
    signal.throwIfAborted();
    const headers = token === undefined ? {} : { 'X-Metadata-Token': token };
    const answer = await ask({ ...get, headers }, SOURCE).catch(() => undefined);
    signal.throwIfAborted();
    return answer && { ...parseCredentials(answer.text, SOURCE), source: SOURCE };
  };
}

async function tokenOf(endpoint: string, signal: AbortSignal): Promise<string | undefined> {
  const url = `${endpoint}/meta-data/latest/api/token`;
  const headers = { 'X-Metadata-Token-Ttl-Seconds': TOKEN_SECONDS };
  const answer = await ask({ method: 'PUT', url, headers, signal }, SOURCE).catch(() => undefined);
  return answer?.text.trim();
}
