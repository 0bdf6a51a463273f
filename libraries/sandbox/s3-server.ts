import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { programIn } from '@lade/debian';
import { CodedError } from '@lade/errors';
import { ChildProgram } from './child-program.ts';

export interface StartS3ServerOptions {
  /** Folder of unpacked packages that holds moto. */
  readonly packages: string;
  /** Takes the log and large objects; created when missing, left to the caller. */
  readonly folder: string;
  /** Refuse requests that are not signed with the key; otherwise any key does, and answers come faster. */
  readonly verifySignatures?: boolean;
  readonly signal?: AbortSignal;
}

/** An S3 server with an empty store that lives as long as it; buckets are addressed by path. */
export interface S3Server extends AsyncDisposable {
  /** As "http://127.0.0.1:35002". */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Starts moto's S3 (conditional puts, ranges and multipart uploads included) on a free loopback port. */
export async function startS3Server(options: StartS3ServerOptions): Promise<S3Server> {
  const { packages, folder, verifySignatures = false } = options;
  const logFile = join(folder, 's3-server.log');
  const { command, args } = await programIn(packages, 'usr/bin/python3');
  await mkdir(folder, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const child = await ChildProgram.start({
    command,
    args: [...args, join(packages, 'usr/bin/moto_server'), '--host', '127.0.0.1', '--port', '0'],
    logFile,
    env: {
      ...process.env,
      TMPDIR: folder,
      PYTHONHOME: join(packages, 'usr'),
      PYTHONPYCACHEPREFIX: join(packages, '.pycache'),
      PYTHONUNBUFFERED: '1',
      ...(verifySignatures ? { INITIAL_NO_AUTH_ACTION_COUNT: String(KEY_ACTIONS.length) } : {}),
    },
  });
  stack.use(child);
  const readEndpoint = async (): Promise<string | undefined> =>
    /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(await readFile(logFile, 'utf8'))?.[1];
  await child.waitUntil(async () => (await readEndpoint()) !== undefined, options.signal);
  const endpoint = (await readEndpoint()) ?? '';
  const key = verifySignatures
    ? await createKey(endpoint)
    : { accessKeyId: 'anyone', secretAccessKey: 'anything' };
  const owned = stack.move();
  return {
    endpoint,
    region: 'us-east-1',
    ...key,
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
});

/** What moto lets pass unsigned, to make the first user and its key. */
const KEY_ACTIONS = [
  { Action: 'CreateUser' },
  { Action: 'PutUserPolicy', PolicyName: 'all', PolicyDocument: POLICY },
  { Action: 'CreateAccessKey' },
];

async function createKey(endpoint: string): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  let answer = '';
  for (const action of KEY_ACTIONS) {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: {
        authorization:
          'AWS4-HMAC-SHA256 Credential=none/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=none',
      },
      body: new URLSearchParams({ Version: '2010-05-08', UserName: 'owner', ...action }),
    });
    answer = await response.text();
  }
  const accessKeyId = /<AccessKeyId>([^<]+)/.exec(answer)?.[1];
  const secretAccessKey = /<SecretAccessKey>([^<]+)/.exec(answer)?.[1];
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new CodedError('unavailable', `Cannot create a key of the S3 server ${endpoint}: it gave none`);
  return { accessKeyId, secretAccessKey };
}
