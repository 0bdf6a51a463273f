/** What we use of the vendor's SDK, which comes without types. */
declare module 'esdk-obs-nodejs' {
  import type { Agent } from 'node:http';

  interface ObsClientOptions {
    readonly access_key_id: string;
    readonly secret_access_key: string;
    readonly security_token?: string | undefined;
    readonly server: string;
    readonly path_style?: boolean;
    readonly is_cname?: boolean;
    readonly signature?: 'obs' | 'v2';
    readonly is_signature_negotiation?: boolean;
    readonly region?: string;
    readonly ssl_verify?: boolean;
    readonly max_retry_count?: number;
    readonly http_agent?: Agent;
  }

  interface SignedUrlOptions {
    readonly Method: string;
    readonly Bucket?: string;
    readonly Key?: string;
    readonly QueryParams?: Readonly<Record<string, string>>;
    readonly Headers?: Readonly<Record<string, string>>;
    /** In seconds. */
    readonly Expires?: number;
  }

  interface SignedUrl {
    readonly SignedUrl: string;
    readonly ActualSignedRequestHeaders: Readonly<Record<string, string>>;
  }

  interface ObsResult {
    readonly CommonMsg: { readonly Status: number; readonly Code: string; readonly Message: string };
    readonly InterfaceResult: Readonly<Record<string, unknown>> | null;
  }

  type Operation = (parameters: Readonly<Record<string, unknown>>) => Promise<ObsResult>;

  export default class ObsClient {
    constructor(options: ObsClientOptions);
    createV2SignedUrlSync(options: SignedUrlOptions): SignedUrl;
    createV4SignedUrlSync(options: SignedUrlOptions): SignedUrl;
    readonly putObject: Operation;
    readonly getObject: Operation;
    readonly getObjectMetadata: Operation;
    readonly listObjects: Operation;
    readonly deleteObject: Operation;
    readonly deleteObjects: Operation;
    readonly initiateMultipartUpload: Operation;
    readonly uploadPart: Operation;
    readonly completeMultipartUpload: Operation;
    readonly abortMultipartUpload: Operation;
    readonly listMultipartUploads: Operation;
    readonly listParts: Operation;
    close(): void;
  }
}
