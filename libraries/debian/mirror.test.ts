import assert from 'node:assert/strict';
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { findMirror, type Mirror } from './mirror.ts';

/** What findMirror() makes of these files of an apt configuration folder, with a keyring that exists. */
async function mirrorOf(files: Readonly<Record<string, string>>): Promise<Mirror> {
  await using etc = await mkdtempDisposable(join(tmpdir(), 'lade-apt-'));
  await mkdir(join(etc.path, 'sources.list.d'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(etc.path, name), text);
  const keyring = join(etc.path, 'keyring.gpg');
  await writeFile(keyring, '');
  return await findMirror(etc.path, keyring);
}

test('findMirror() reads one-line sources and passes over comments, sources and discs', async () => {
  const text = `
# deb http://commented.test/debian bookworm main
deb cdrom:[Debian]/ bookworm main
deb-src http://sources.test/debian bookworm main
deb [arch=amd64 trusted=yes] https://mirror.test/debian/ bookworm main contrib # ours
deb http://later.test/debian bookworm main`;
  assert.equal((await mirrorOf({ 'sources.list': text })).uri, 'https://mirror.test/debian');
});

test('findMirror() reads deb822 sources, with continued and disabled paragraphs', async () => {
  const text = `
Types: deb
URIs: http://disabled.test/debian
Suites: trixie
Components: main
Enabled: no

# The one in use
types: deb deb-src
URIs:
 http://mirror.test/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;
  assert.equal((await mirrorOf({ 'sources.list.d/d.sources': text })).uri, 'http://mirror.test/debian');
});

test('findMirror() does not take the archive of another vendor for the one of Debian', async () => {
  const vendors = `
deb [signed-by=/usr/share/keyrings/vendor.gpg] https://vendor.test bookworm main
deb https://vendor.test/linux/debian bookworm stable
deb https://vendor.test/apt tool-bookworm main`;
  const files = {
    'sources.list': vendors,
    'sources.list.d/z.list': 'deb http://mirror.test/debian sid main',
  };
  assert.equal((await mirrorOf(files)).uri, 'http://mirror.test/debian');
});

test('findMirror() on a derivative tells how to name an archive, and takes one that apt ignores', async () => {
  const ubuntu = 'deb http://archive.test/ubuntu noble main universe';
  await assert.rejects(
    mirrorOf({ 'sources.list': ubuntu }),
    (e) => isCodedError(e, 'failed_precondition') && /Enabled: no/.test(e.cure ?? ''),
  );
  const ignored =
    'Types: deb\nURIs: http://mirror.test/debian\nSuites: stable\nComponents: main\nEnabled: no\n';
  const files = { 'sources.list': ubuntu, 'sources.list.d/debian.sources': ignored };
  assert.equal((await mirrorOf(files)).uri, 'http://mirror.test/debian');
});

test('findMirror() says which package brings a missing keyring', async () => {
  await using etc = await mkdtempDisposable(join(tmpdir(), 'lade-apt-'));
  await writeFile(join(etc.path, 'sources.list'), 'deb http://mirror.test/debian bookworm main');
  await assert.rejects(
    findMirror(etc.path, join(etc.path, 'none.gpg')),
    (e) => isCodedError(e, 'failed_precondition') && /debian-archive-keyring/.test(e.cure ?? ''),
  );
});
