import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { CredentialSource } from '../credentials.ts';
import { retryRefused } from '../retry-refused.ts';
import { CONNECT_MS, IDLE_MS, MAX_CONNECTIONS } from './connection-limits.ts';
import { mayBeRefusal } from './s3-errors.ts';

const EXPIRES_MS = 1_000;

export interface S3Options {
  readonly bucket: string;
  /** '' or a path that ends in a slash. */
  readonly prefix: string;
  readonly endpoint?: string;
  readonly region?: string;
  /** Name the bucket in the path instead of the host. */
  readonly pathStyle?: boolean;
  readonly credentials: CredentialSource;
}

/**
 * A client that gives up on stores that are dead or silent, asks for no checksum that a store may not know, and makes a request once
 * more with other credentials when the store refuses those that it had.
 */
export function createS3Client({ endpoint, region, pathStyle, credentials }: S3Options): S3Client {
  const agent = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
  const client = new S3Client({
    region: region ?? 'us-east-1',
    forcePathStyle: pathStyle ?? false,
    maxAttempts: 3,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: IDLE_MS,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials: toProvider(credentials),
  });
  const send = client.send.bind(client) as Send;
  const sendAgain: Send = async (command, options) =>
    retryRefused(credentials, async () => send(command, options), {
      ...(options?.abortSignal ? { signal: options.abortSignal } : {}),
      isRefusal: mayBeRefusal,
    });
  return Object.assign(client, { send: sendAgain });
}

type Send = (command: unknown, options?: { readonly abortSignal?: AbortSignal }) => Promise<never>;

/** The SDK keeps what does not expire soon: so that it asks before every request, everything does. */
function toProvider(source: CredentialSource): Extract<S3ClientConfig['credentials'], () => unknown> {
  return async () => {
    const { accessKeyId, secretAccessKey, sessionToken } = await source.get();
    const expiration = new Date(Date.now() + EXPIRES_MS);
    return { accessKeyId, secretAccessKey, expiration, ...(sessionToken ? { sessionToken } : {}) };
  };
}
