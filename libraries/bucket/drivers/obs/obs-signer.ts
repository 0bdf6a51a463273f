import ObsClient from 'esdk-obs-nodejs';
import type { Credentials } from '@lade/credentials';
import type { ObsOptions } from './obs-options.ts';

/** A request to the store, before it is signed. */
export interface ObsRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** With the prefix; '' asks the bucket. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Of the body, where it is known already. */
  readonly md5?: Buffer;
}

interface SignedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type Signer = (request: ObsRequest) => Promise<SignedRequest>;

/** As long as the store bears with clocks that differ. */
const LASTS_SECONDS = 900;

/** Has the vendor's SDK sign requests, in their URLs, with the credentials of the moment. */
export function createSigner(options: ObsOptions): Signer {
  let signing: { readonly with: Credentials; readonly client: Promise<ObsClient> } | undefined;
  return async ({ method, key, query = {}, headers = {} }) => {
    const current = await options.credentials.get();
    if (signing?.with !== current) signing = { with: current, client: openClient(options, current) };
    const client = await signing.client;
    const what = {
      Method: method,
      ...(options.style === 'domain' ? {} : { Bucket: options.bucket }),
      ...(key === '' ? {} : { Key: key }),
      QueryParams: query,
      Headers: headers,
      Expires: LASTS_SECONDS + behindSeconds(options),
    };
    const signed =
      options.signature === 'v4' ? client.createV4SignedUrlSync(what) : client.createV2SignedUrlSync(what);
    // It lacks the port where the bucket is in the name; the transport sends the right one.
    const { Host: _host, ...sent } = signed.ActualSignedRequestHeaders;
    return { url: signed.SignedUrl, headers: sent };
  };
}

/** The SDK counts from this machine's time, and the store from its own. */
function behindSeconds({ clock }: ObsOptions): number {
  return Math.max(0, Math.ceil((clock?.aheadMs() ?? 0) / 1000));
}

async function openClient(options: ObsOptions, credentials: Credentials): Promise<ObsClient> {
  const { endpoint, style, signature, region } = options;
  const client = new ObsClient({
    access_key_id: credentials.accessKeyId,
    secret_access_key: credentials.secretAccessKey,
    security_token: credentials.sessionToken,
    server: endpoint,
    path_style: style === 'path',
    is_cname: style === 'domain',
    signature: signature === 'obs' ? 'obs' : 'v2',
    region,
    is_signature_negotiation: false,
  });
  // Its constructor goes on after it has returned.
  await new Promise(setImmediate);
  return client;
}
