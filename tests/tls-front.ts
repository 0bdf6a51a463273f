import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer } from 'node:tls';

/** A server that speaks TLS for another one on loopback. */
export interface TlsFront extends AsyncDisposable {
  /** As "127.0.0.1:35001". */
  readonly address: string;
  /** PEM. It signs itself: who connects has to trust it. */
  readonly certificate: string;
}

/** Starts a front of `address`, such as "127.0.0.1:35000". */
export async function startTlsFront(address: string): Promise<TlsFront> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = pem(makeCertificate(publicKey, privateKey));
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const { hostname, port } = new URL(`http://${address}`);
  const clients = new Set<Socket>();
  const server = createServer({ key, cert: certificate }, (client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    const upstream = connect(Number(port), hostname);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    certificate,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

const DAY_MS = 24 * 60 * 60 * 1000;
const VERSION_3 = der(0xa0, der(0x02, Buffer.of(2)));
const SERIAL_NUMBER = der(0x02, Buffer.of(1));
const ECDSA_WITH_SHA256 = der(0x30, der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
const COMMON_NAME = der(0x06, Buffer.from('550403', 'hex'));
const SUBJECT_ALT_NAME = der(0x06, Buffer.from('551d11', 'hex'));

/** X.509 (RFC 5280) for 127.0.0.1, valid for a day around now, as DER. */
function makeCertificate(publicKey: KeyObject, privateKey: KeyObject): Buffer {
  const name = der(0x30, der(0x31, der(0x30, COMMON_NAME, der(0x0c, Buffer.from('lade test')))));
  const validity = der(0x30, time(Date.now() - DAY_MS), time(Date.now() + DAY_MS));
  const loopback = der(0x04, der(0x30, der(0x87, Buffer.of(127, 0, 0, 1))));
  const extensions = der(0xa3, der(0x30, der(0x30, SUBJECT_ALT_NAME, loopback)));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const identity = [name, validity, name, spki, extensions];
  const content = der(0x30, VERSION_3, SERIAL_NUMBER, ECDSA_WITH_SHA256, ...identity);
  const signature = der(0x03, Buffer.of(0), sign('sha256', content, privateKey));
  return der(0x30, content, ECDSA_WITH_SHA256, signature);
}

/** One element of X.690: tag, length, content of up to 65,535 bytes. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag, ...derLength(content.length)), content]);
}

function derLength(length: number): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

/** UTCTime: YYMMDDHHMMSSZ. */
function time(ms: number): Buffer {
  const digits = new Date(ms)
    .toISOString()
    .replaceAll(/[-:T]|\.\d+/g, '')
    .slice(2);
  return der(0x17, Buffer.from(digits));
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
