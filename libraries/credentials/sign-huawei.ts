import { createHash, createHmac } from 'node:crypto';
import type { Credentials } from './credentials.ts';

interface SignableRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The headers of a request to an API gateway of Huawei Cloud, signed as its "AK/SK signing guide" says (SDK-HMAC-SHA256). */
export function signHuawei(
  { method, url, headers, body }: SignableRequest,
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  now: Date,
): Readonly<Record<string, string>> {
  const { host, pathname } = new URL(url);
  const date = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const sent = {
    ...headers,
    Host: host,
    'X-Sdk-Date': date,
    ...(sessionToken ? { 'X-Security-Token': sessionToken } : {}),
  };
  const signed = Object.entries(sent)
    .map(([name, value]) => [name.toLowerCase(), value.trim()] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const names = signed.map(([name]) => name).join(';');
  const lines = signed.map(([name, value]) => `${name}:${value}\n`).join('');
  const path = pathname.endsWith('/') ? pathname : `${pathname}/`;
  const canonical = [method, path, '', lines, names, sha256(body)].join('\n');
  const text = `SDK-HMAC-SHA256\n${date}\n${sha256(canonical)}`;
  const signature = createHmac('sha256', secretAccessKey).update(text).digest('hex');
  const authorization = `SDK-HMAC-SHA256 Access=${accessKeyId}, SignedHeaders=${names}, Signature=${signature}`;
  const { Host: _, ...rest } = sent;
  return { ...rest, Authorization: authorization };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
