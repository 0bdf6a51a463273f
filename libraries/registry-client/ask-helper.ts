import { execFile } from 'node:child_process';
import { CodedError } from '@lade/errors';
import type { RegistryCredentials } from './credentials.ts';

const HELPER_MS = 30_000;
const MAX_OUTPUT_BYTES = 1 << 20;
/** What helpers print for a server that they do not know. */
const UNKNOWN = /credentials not found/i;
/** Their user name where the secret is an identity token. */
const TOKEN_USER = '<token>';

/** Asks `docker-credential-<name>` for a server, by docker's protocol; undefined when it knows none. */
export async function askHelper(
  name: string,
  server: string,
  options: { readonly signal?: AbortSignal },
): Promise<RegistryCredentials | undefined> {
  const program = `docker-credential-${name}`;
  if (!/^[\w.-]+$/.test(name)) throw unusable(program, 'its name is no file name');
  const { output, status } = await run(program, server, options);
  if (status !== 0) {
    if (UNKNOWN.test(output)) return undefined;
    throw unusable(
      program,
      status === 'ENOENT' ? 'there is no such program in PATH' : `it failed (${status})`,
    );
  }
  const { Username: username, Secret: secret } = parse(program, output);
  if (typeof username !== 'string' || typeof secret !== 'string' || secret === '') return undefined;
  return username === TOKEN_USER ? { identityToken: secret } : { username, password: secret };
}

async function run(
  program: string,
  server: string,
  { signal }: { readonly signal?: AbortSignal },
): Promise<{ readonly output: string; readonly status: number | string }> {
  const limits = { timeout: HELPER_MS, maxBuffer: MAX_OUTPUT_BYTES, ...(signal ? { signal } : {}) };
  const answer = await new Promise<{ output: string; status: number | string }>((resolve) => {
    const child = execFile(program, ['get'], limits, (error, output) => {
      resolve({ output, status: error === null ? 0 : (error.code ?? error.signal ?? 'unknown') });
    });
    // One that does not read its question is told so by its exit status.
    child.stdin?.once('error', () => {}).end(server);
  });
  signal?.throwIfAborted();
  return answer;
}

function parse(program: string, output: string): { readonly Username?: unknown; readonly Secret?: unknown } {
  try {
    const value: unknown = JSON.parse(output);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Its message would quote the secret.
  }
  throw unusable(program, 'what it prints is not a JSON object');
}

function unusable(program: string, state: string): CodedError {
  return new CodedError('unauthenticated', `Cannot ask ${program} for credentials: ${state}`, {
    cure: 'Correct credHelpers and credsStore in the registry configuration, or install the program',
  });
}
