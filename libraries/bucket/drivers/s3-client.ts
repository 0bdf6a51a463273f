import { Agent as HttpAgent, type AgentOptions, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client, type S3ClientConfig, type StorageClass } from '@aws-sdk/client-s3';
import type { Encryption } from '../bucket-url.ts';
import type { CredentialSource } from '../credentials.ts';
import { retryRefused } from '../retry-refused.ts';
import type { Traffic } from '../traffic.ts';
import { CONNECT_MS, IDLE_MS, MAX_CONNECTIONS } from './connection-limits.ts';
import { mayBeRefusal } from './s3-errors.ts';
import { classOf, watchRequest } from './watch-request.ts';

const EXPIRES_MS = 1_000;

export interface S3Options {
  readonly bucket: string;
  /** '' or a path that ends in a slash. */
  readonly prefix: string;
  readonly endpoint?: string;
  readonly region?: string;
  /** Name the bucket in the path instead of the host. */
  readonly pathStyle?: boolean;
  /** URL of an HTTP proxy. */
  readonly proxy?: string;
  readonly storageClass?: StorageClass;
  readonly encryption?: Encryption;
  readonly credentials: CredentialSource;
  readonly maxConnections?: number;
  readonly traffic?: Traffic;
}

/**
 * A client that gives up on stores that are dead or silent, asks for no checksum that a store may not know, and makes a request once
 * more with other credentials when the store refuses those that it had.
 */
export function createS3Client(options: S3Options): S3Client {
  const { endpoint, region, pathStyle, proxy, credentials, traffic } = options;
  const agent = { keepAlive: true, maxSockets: options.maxConnections ?? MAX_CONNECTIONS };
  const client = new S3Client({
    region: region ?? 'us-east-1',
    forcePathStyle: pathStyle ?? false,
    maxAttempts: 3,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: IDLE_MS,
      ...(proxy === undefined ? { httpAgent: agent, httpsAgent: agent } : agentsOf(proxy, agent)),
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials: toProvider(credentials),
  });
  if (traffic) watchRequests(client, traffic);
  return sendAgainWhenRefused(client, credentials);
}

function sendAgainWhenRefused(client: S3Client, credentials: CredentialSource): S3Client {
  const send = client.send.bind(client) as Send;
  const sendAgain: Send = async (command, options) =>
    retryRefused(credentials, async () => send(command, options), {
      ...(options?.abortSignal ? { signal: options.abortSignal } : {}),
      isRefusal: mayBeRefusal,
    });
  return Object.assign(client, { send: sendAgain });
}

type Send = (command: unknown, options?: { readonly abortSignal?: AbortSignal }) => Promise<never>;

/** Next to the network, so that every try of the SDK is seen. */
function watchRequests({ config: { requestHandler } }: S3Client, traffic: Traffic): void {
  const handle = requestHandler.handle.bind(requestHandler);
  requestHandler.handle = async (request, options) => {
    const { method, query, headers } = request;
    let output: Awaited<ReturnType<typeof handle>> | undefined;
    const send = async (): Promise<IncomingMessage> => {
      output = await handle(request, options);
      return output.response.body as IncomingMessage;
    };
    const sentBytes = Number(headers['content-length'] ?? 0);
    const { abortSignal: signal } = options as { readonly abortSignal?: AbortSignal };
    await watchRequest({ kind: classOf(method, query), sentBytes, signal, send }, traffic);
    return output as Awaited<ReturnType<typeof handle>>;
  };
}

/** Agents of our own, because the SDK makes one that knows no proxy for large bodies. */
function agentsOf(proxy: string, options: AgentOptions): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  const all = { ...options, proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } };
  return { httpAgent: new HttpAgent(all), httpsAgent: new HttpsAgent(all) };
}

/** The SDK keeps what does not expire soon: so that it asks before every request, everything does. */
function toProvider(source: CredentialSource): Extract<S3ClientConfig['credentials'], () => unknown> {
  return async () => {
    const { accessKeyId, secretAccessKey, sessionToken } = await source.get();
    const expiration = new Date(Date.now() + EXPIRES_MS);
    return { accessKeyId, secretAccessKey, expiration, ...(sessionToken ? { sessionToken } : {}) };
  };
}
