import { CodedError } from '@lade/errors';
import { versionOf } from './answered-range.ts';

export const NO_STORE_CURE = 'Correct the endpoint in the bucket URL: what answers there is no object store';

/** What was attempted on which object of which bucket. */
export interface Attempt {
  readonly action: string;
  readonly key: string;
  readonly location: string;
  /** Whether the answer has no body, whose type then says nothing. */
  readonly isHead?: boolean;
}

/** For an answer that no object store gives. */
export function noStore({ action, key, location }: Attempt, state: string): CodedError {
  return new CodedError('failed_precondition', `Cannot ${action} ${key} in ${location}: ${state}`, {
    cure: NO_STORE_CURE,
  });
}

/** versionOf() an ETag, which every store gives of an object that it has or has taken. */
export function versionIn(etag: string | undefined, attempt: Attempt): string {
  if (!etag) throw noStore(attempt, 'the answer has no ETag');
  return versionOf(etag);
}

/** Whether a refusal is the page of a web server; those of one in trouble come from in between. */
export function isWebPage(status: number, contentType: string | undefined): boolean {
  return status < 500 && contentType?.startsWith('text/html') === true;
}

/** What to do where TLS failed; undefined where it was something else. */
export function tlsCure(reason: unknown): string | undefined {
  return /CERT|SSL|TLS/.test(String((reason as NodeJS.ErrnoException).code))
    ? 'Have NODE_EXTRA_CA_CERTS name the authority of the certificate, and check the name in the endpoint'
    : undefined;
}
