import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { Credentials } from '@lade/credentials';

/** A GET of an object, before it is signed. */
interface S3Read {
  /** As it is sent: with its port, unless that is the scheme's own. */
  readonly host: string;
  /** As it is sent: escaped once, as S3 wants it, without a query. */
  readonly path: string;
  readonly range: string | undefined;
  readonly date: Date;
}

type Headers = Readonly<Record<string, string>>;

const ALGORITHM = 'AWS4-HMAC-SHA256';
const NO_BODY = hash('sha256', '');

/** The headers of a read, its signature among them. */
export type S3ReadSigner = (read: S3Read, credentials: Credentials) => Headers;

/**
 * Signs reads by Signature Version 4, as the SDK does, whose signer is for all kinds of requests and takes six times as long: the key
 * of a day is derived once, and nothing is waited for.
 */
export function createReadSigner(region: string): S3ReadSigner {
  let derived: { readonly from: string; readonly key: KeyObject } | undefined;
  return ({ host, path, range, date }, { accessKeyId, secretAccessKey, sessionToken }) => {
    const time = date.toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
    const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
    const from = `${scope} ${secretAccessKey}`;
    if (derived?.from !== from) derived = { from, key: deriveKey(secretAccessKey, scope) };
    // In the order of their names.
    const headers = {
      host,
      ...(range === undefined ? {} : { range }),
      'x-amz-content-sha256': NO_BODY,
      'x-amz-date': time,
      ...(sessionToken === undefined || sessionToken === '' ? {} : { 'x-amz-security-token': sessionToken }),
    };
    const names = Object.keys(headers).join(';');
    const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}`);
    const canonical = `GET\n${path}\n\n${lines.join('\n')}\n\n${names}\n${NO_BODY}`;
    const toSign = `${ALGORITHM}\n${time}\n${scope}\n${hash('sha256', canonical)}`;
    const signature = createHmac('sha256', derived.key).update(toSign).digest('hex');
    const credential = `${accessKeyId}/${scope}`;
    return {
      ...headers,
      authorization: `${ALGORITHM} Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
    };
  };
}

function deriveKey(secret: string, scope: string): KeyObject {
  const bytes = scope
    .split('/')
    .reduce((key, part) => createHmac('sha256', key).update(part).digest(), Buffer.from(`AWS4${secret}`));
  return createSecretKey(bytes);
}
