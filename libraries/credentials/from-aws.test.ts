import assert from 'node:assert/strict';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { fromAws } from './from-aws.ts';

/* The SDK reads the environment of the process, which is this file's alone. */
test('profiles are read anew every time, and a chain that finds nothing is an error', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-aws-'));
  const file = join(folder.path, 'credentials');
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, {
    AWS_SHARED_CREDENTIALS_FILE: file,
    AWS_CONFIG_FILE: join(folder.path, 'config'),
    AWS_PROFILE: 'lade',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
  const find = fromAws('somewhere');
  const { signal } = new AbortController();
  const write = async (text: string): Promise<void> => writeFile(file, `[lade]\n${text}\n`);
  await write('aws_access_key_id = one\naws_secret_access_key = s');
  assert.equal((await find(signal))?.accessKeyId, 'one');
  const json = '{"Version":1,"AccessKeyId":"two","SecretAccessKey":"s","Expiration":"2030-01-01T00:00:00Z"}';
  await write(`credential_process = echo '${json}'`);
  const found = await find(signal);
  assert.deepEqual([found?.accessKeyId, found?.expiresAt?.getUTCFullYear()], ['two', 2030]);
  await write('credential_process = exit 3');
  await assert.rejects(
    find(signal),
    (e) => isCodedError(e, 'unauthenticated') && /any provider/.test(e.message),
  );
});
