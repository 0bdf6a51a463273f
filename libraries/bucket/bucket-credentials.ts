import {
  RotatingCredentials,
  createFinder,
  type StoreClock,
  type CredentialEvent,
  type Environment,
} from '@lade/credentials';
import { agencyOf, credentialPlaceOf } from './bucket-url.ts';
import { iamOf } from './drivers/obs/obs-url.ts';

export interface CredentialOptions {
  /**
   * The variables in which credentials, that the URL does not give, may be. Default: an empty one. AWS's chain looks into the environment
   * of the process in any case.
   */
  readonly environment?: Environment;
  readonly tellCredentials?: (event: CredentialEvent) => void;
  /** That of the store; learns from its answers. Default: one of its own. */
  readonly clock?: StoreClock;
}

/** What requests to the bucket of a URL are signed with. */
export function bucketCredentials(
  parsed: URL,
  url: string,
  { environment = () => undefined, tellCredentials, clock }: CredentialOptions,
): RotatingCredentials {
  const [region, agency, iam] = [parsed.searchParams.get('region'), agencyOf(parsed, url), iamOf(parsed)];
  const find = createFinder({
    cloud: parsed.protocol === 'obs:' ? 'huawei' : 'aws',
    environment,
    ...credentialPlaceOf(parsed, url),
    ...(region === null ? {} : { region }),
    ...(agency ? { agency } : {}),
    ...(iam === undefined ? {} : { iam }),
  });
  const location = `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  return new RotatingCredentials(find, {
    location,
    ...(tellCredentials ? { tell: tellCredentials } : {}),
    ...(clock ? { clock } : {}),
  });
}
