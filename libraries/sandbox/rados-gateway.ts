import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { programIn, runProgram } from '@lade/debian';
import { CodedError } from '@lade/errors';
import { ChildProgram } from './child-program.ts';
import type { S3Server, StartS3ServerOptions } from './s3-server.ts';

const OWNER = { accessKeyId: 'owner', secretAccessKey: 'secret/of+owner' };

const NO_CLUSTER = '--no-mon-config';

/** Where Ceph's programs look for their own libraries. */
const OWN_LIBRARIES = ['ceph'];

export interface RadosGateway extends S3Server {
  makeBucket(name: string): Promise<void>;
}

/**
 * Starts Ceph's RADOS gateway on a free loopback port, with SQLite in place of a cluster. It verifies signatures, V2 and V4; buckets are
 * addressed by path. `packages` holds radosgw.
 */
export async function startRadosGateway({
  packages,
  folder,
  signal,
}: Omit<StartS3ServerOptions, 'verifySignatures'>): Promise<RadosGateway> {
  const address = `127.0.0.1:${await freePort()}`;
  const settings = asFlags({
    conf: '/dev/null',
    name: 'client.rgw',
    rgw_backend_store: 'dbstore',
    rgw_config_store: 'dbstore',
    dbstore_db_dir: folder,
    dbstore_config_uri: `file:${join(folder, 'config.db')}`,
    rgw_data: folder,
    run_dir: folder,
    log_file: join(folder, 'ceph.log'),
    admin_socket: '',
    rgw_frontends: `beast endpoint=${address}`,
  });
  await mkdir(folder, { recursive: true });
  const admin = await programIn(packages, 'usr/bin/radosgw-admin', OWN_LIBRARIES);
  const { accessKeyId, secretAccessKey } = OWNER;
  const names = { uid: 'owner', 'display-name': 'owner' };
  const user = asFlags({ ...names, 'access-key': accessKeyId, 'secret-key': secretAccessKey });
  await runProgram(admin.command, [...admin.args, 'user', 'create', NO_CLUSTER, ...settings, ...user], {
    signal,
  });
  const gateway = await programIn(packages, 'usr/bin/radosgw', OWN_LIBRARIES);
  await using stack = new AsyncDisposableStack();
  const child = stack.use(
    await ChildProgram.start({
      command: gateway.command,
      args: [...gateway.args, '--foreground', NO_CLUSTER, ...settings],
      logFile: join(folder, 'rados-gateway.log'),
    }),
  );
  const endpoint = `http://${address}`;
  await child.waitUntil(async () => isServed(endpoint), signal);
  const owned = stack.move();
  return {
    endpoint,
    region: 'default',
    ...OWNER,
    makeBucket: async (name) => makeBucket(endpoint, name),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

function asFlags(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}

/** One that nobody listens on: the gateway does not tell which one it was given. */
async function freePort(): Promise<number> {
  await using server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

async function isServed(endpoint: string): Promise<boolean> {
  return fetch(endpoint).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function makeBucket(endpoint: string, bucket: string): Promise<void> {
  const date = new Date().toUTCString();
  const signature = createHmac('sha1', OWNER.secretAccessKey)
    .update(`PUT\n\n\n\nx-amz-date:${date}\n/${bucket}`)
    .digest('base64');
  const headers = { 'x-amz-date': date, authorization: `AWS ${OWNER.accessKeyId}:${signature}` };
  const { ok, status } = await fetch(`${endpoint}/${bucket}`, { method: 'PUT', headers });
  if (!ok)
    throw new CodedError('unavailable', `Cannot make bucket ${bucket} on ${endpoint}: it answered ${status}`);
}
