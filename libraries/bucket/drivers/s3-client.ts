import { Agent as HttpAgent, type AgentOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client, type S3ClientConfig, type StorageClass } from '@aws-sdk/client-s3';
import type { Encryption } from '../bucket-url.ts';
import type { CredentialSource } from '../credentials.ts';
import { CONNECT_MS, IDLE_MS, MAX_CONNECTIONS } from './connection-limits.ts';

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
}

/** A client that gives up on stores that are dead or silent, and asks for no checksum that a store may not know. */
export function createS3Client(options: S3Options): S3Client {
  const { endpoint, region, pathStyle, proxy, credentials } = options;
  const agent = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
  return new S3Client({
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
}

/** Agents of our own, because the SDK makes one that knows no proxy for large bodies. */
function agentsOf(proxy: string, options: AgentOptions): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  const all = { ...options, proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } };
  return { httpAgent: new HttpAgent(all), httpsAgent: new HttpsAgent(all) };
}

/** The SDK keeps what does not expire soon: so that it asks before every request, everything does. */
function toProvider(source: CredentialSource): Extract<S3ClientConfig['credentials'], () => unknown> {
  return async () => {
    const { accessKeyId, secretAccessKey, sessionToken } = await source();
    const expiration = new Date(Date.now() + EXPIRES_MS);
    return { accessKeyId, secretAccessKey, expiration, ...(sessionToken ? { sessionToken } : {}) };
  };
}
