import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { getXattr, makeNode, setTimes, setXattr } from '@lade/linux';
import { noise } from './noise.ts';

/** CAP_NET_RAW, permitted and effective: capabilities(7). */
const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex');

/** What a container may do to the mounted root of the image "odd"; every kind of change once. */
export function changeTree(root: string): void {
  const at = (path: string): Buffer => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]);
  const write = (path: string, content: string | Uint8Array = path): void => writeFileSync(at(path), content);

  // Added.
  mkdirSync(at('new/empty'), { recursive: true });
  write('new/file');
  write('new/large', noise('large', 5_000_001));
  write('new/sparse', '');
  truncateSync(at('new/sparse'), 20_000_000);
  write(`new/${'n'.repeat(255)}`);
  write('new/\xff\xfe not UTF-8');
  write('new/caf\xc3\xa9');
  mkdirSync(at(`new/${'d'.repeat(120)}/${'e'.repeat(120)}`), { recursive: true });
  write(`new/${'d'.repeat(120)}/${'e'.repeat(120)}/leaf`);
  symlinkSync(`/${'t'.repeat(300)}`, at('new/link'));
  makeNode(at('new/fifo'), { type: 'fifo', mode: 0o622 });
  makeNode(at('new/device'), { type: 'block', mode: 0o660, major: 259, minor: 70_000 });
  makeNode(at('new/socket'), { type: 'socket', mode: 0o600 });
  for (const name of ['new/hard-b', 'new/empty/hard-c', '0-sorts-first']) linkSync(at('new/file'), at(name));
  write('odd/sticky/!before-the-marker');
  write('tmp/implied/added');

  // Modified.
  appendFileSync(at('odd/twice'), ' and more');
  appendFileSync(at('odd/hard-b'), 'leaves the others');
  linkSync(at('odd/hard-d'), at('odd/hard-e'));
  chmodSync(at('odd/empty'), 0o4711);
  chownSync(at('odd/setuid'), 2 ** 21, 4_000_000_000);
  setXattr(at('odd/dot-prefix'), 'security.capability', CAPABILITY);
  setXattr(at('odd/xattrs'), 'user.two', Buffer.from([0, 10, 61, 255]));
  setXattr(at('odd/xattr-folder'), 'user.added', Buffer.alloc(0));
  chmodSync(at('odd/xattr-folder'), 0o711);
  chmodSync(at('odd/setgid-folder'), 0o3700);
  setTimes(at('odd/long-ago'), { accessedNs: 0n, modifiedNs: -5_000_000_000n });
  utimesSync(at('odd/far-ahead'), 0, 5_000_000_000);
  // Touched, and the same as before.
  setXattr(
    at('odd/capable'),
    'security.capability',
    getXattr(at('odd/capable'), 'security.capability') ?? CAPABILITY,
  );

  // Removed.
  for (const path of ['odd/nanoseconds', 'odd/fifo', 'odd/deep', 'odd/chain-1', 'odd/hard-d'])
    rmSync(at(path), { recursive: true });

  // Replaced: a directory by a file, a link and another directory; a file and a link by a directory.
  rmSync(at('odd/folder-twice'), { recursive: true });
  write('odd/folder-twice');
  rmSync(at('odd-implied/one'), { recursive: true });
  symlinkSync('../odd', at('odd-implied/one'));
  rmSync(at('odd/opaque'), { recursive: true });
  mkdirSync(at('odd/opaque'), { mode: 0o705 });
  write('odd/opaque/!first');
  write('odd/opaque/only');
  for (const path of ['odd/comes-back', 'odd/dangling']) {
    rmSync(at(path));
    mkdirSync(at(path));
    write(`${path}/inside`);
  }
  rmSync(at('odd/was-file'), { recursive: true });
  mkdirSync(at('odd/was-file'));
  write('renamed');
  renameSync(at('renamed'), at('odd/xattr-large'));
}
