import { asHuaweiAgency, type Agency } from './as-huawei-agency.ts';
import type { CredentialFinder, Credentials } from './credentials.ts';
import { fromAws } from './from-aws.ts';
import { fromCommand } from './from-command.ts';
import { fromEnvironment, type Environment } from './from-environment.ts';
import { fromFile } from './from-file.ts';
import { fromHuaweiMetadata } from './from-huawei-metadata.ts';
import { fromHuaweiWebIdentity } from './from-huawei-web-identity.ts';

export interface FinderSettings {
  readonly cloud: 'huawei' | 'aws';
  /** These, or else what the file or the command gives, and nothing else. */
  readonly given?: Credentials;
  readonly file?: string;
  readonly command?: string;
  /** Act for it with what was found. */
  readonly agency?: Agency;
  readonly region?: string;
  /** Origin of Huawei Cloud's IAM. */
  readonly iam?: string;
  readonly environment: Environment;
}

const IAM = 'https://iam.myhuaweicloud.com';

/** Looks for credentials where the settings say, else in every place that the cloud has for them, one after the other. */
export function createFinder(settings: FinderSettings): CredentialFinder {
  const { agency, environment } = settings;
  const iam = environment('HUAWEICLOUD_SDK_IAM_ENDPOINT') ?? settings.iam ?? IAM;
  const find = firstOf(placesOf(settings, iam));
  return agency ? asHuaweiAgency(find, agency, iam) : find;
}

function placesOf(settings: FinderSettings, iam: string): readonly CredentialFinder[] {
  const { cloud, given, file, command, region, environment } = settings;
  if (given) return [async () => ({ ...given, source: 'bucket URL' })];
  if (file !== undefined) return [fromFile(file)];
  if (command !== undefined) return [fromCommand(command)];
  if (cloud === 'aws') return [fromAws(region)];
  return [
    fromEnvironment(environment),
    fromHuaweiWebIdentity(environment, iam),
    fromHuaweiMetadata(environment('HUAWEICLOUD_SDK_METADATA_ENDPOINT')),
  ];
}

function firstOf(finders: readonly CredentialFinder[]): CredentialFinder {
  return async (signal) => {
    for (const find of finders) {
      signal.throwIfAborted();
      const found = await find(signal);
      if (found) return found;
    }
    return undefined;
  };
}
