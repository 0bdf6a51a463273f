import { readFile } from 'node:fs/promises';
import { CodedError, wrapError } from '@lade/errors';
import { askHelper } from './ask-helper.ts';
import type { CredentialSource, RegistryCredentials } from './credentials.ts';

/** docker's config.json: what we read of it. */
interface DockerConfig {
  readonly auths?: Readonly<Record<string, Login>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

interface Login {
  /** Base64 of `username:password`. */
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

/** What docker calls Docker Hub where it keeps credentials. */
const DOCKER_HUB = 'https://index.docker.io/v1/';

/**
 * Logins as `docker login` keeps them in its config.json, which is read anew each time and may be missing. Programs that it names
 * (`credHelpers`, `credsStore`) are run.
 */
export function dockerCredentials(path: string): CredentialSource {
  return {
    cureFor: (registry) => `Run docker login ${registry} for the user whose ${path} this is`,
    async find(registry, options) {
      const config = await readConfig(path);
      const server = registry === 'docker.io' ? DOCKER_HUB : registry;
      const helper = config.credHelpers?.[server] ?? config.credHelpers?.[registry] ?? config.credsStore;
      const found = helper === undefined ? undefined : await askHelper(helper, server, options);
      return found ?? findLogin(config, server);
    },
  };
}

async function readConfig(path: string): Promise<DockerConfig> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return {};
    // Not the parser's message: it quotes what it could not read.
    throw reason instanceof SyntaxError ? damaged(path) : wrapError(reason, `Cannot read logins in ${path}`);
  }
  throw damaged(path);
}

function findLogin({ auths = {} }: DockerConfig, server: string): RegistryCredentials | undefined {
  const host = hostOf(server);
  const login = auths[server] ?? Object.entries(auths).find(([key]) => hostOf(key) === host)?.[1];
  if (login?.identitytoken) return { identityToken: login.identitytoken };
  const text = Buffer.from(login?.auth ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon > 0) return { username: text.slice(0, colon), password: text.slice(colon + 1) };
  const { username, password } = login ?? {};
  return username && password ? { username, password } : undefined;
}

/** Keys are hosts, or URLs of older releases. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}

function damaged(path: string): CodedError {
  return new CodedError('invalid_argument', `Cannot read logins in ${path}: it is not a JSON object`, {
    cure: 'Correct it, or name another file with --registry-config',
  });
}
