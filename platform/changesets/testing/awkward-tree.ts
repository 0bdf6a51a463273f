import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { makeNode, setTimes, setXattr, type NodeSpec } from '@lade/linux';

/** VFS_CAP_REVISION_2 with CAP_NET_RAW permitted and effective: capabilities(7). */
export const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex');
/** Version 2: owner rwx, user 1000 r-x, group r-x, mask r-x, others none. */
export const ACL = Buffer.from(
  '0200000001000700ffffffff02000500e803000004000500ffffffff10000500ffffffff20000000ffffffff',
  'hex',
);

const NODES = [
  { type: 'fifo' },
  { type: 'block', major: 259, minor: 70_000 },
  { type: 'character', major: 1, minor: 3 },
] as const;

const SECOND_NS = 1_000_000_000n;

/**
 * Fills a folder with entries of every kind that a layer can hold, under awkward names and with awkward attributes; the
 * same seed gives the same tree.
 */
export function makeAwkwardTree(root: Buffer, seed: number): void {
  const random = seeded(seed);
  const pick = <T>(...values: readonly T[]): T => values[random(values.length)] as T;
  const folders = [root];
  const files: Buffer[] = [];
  const name = (n: number): Buffer =>
    Buffer.from(
      `${pick('n', '-', '~', '\xff\xfe', 'caf\xc3\xa9', 'a b\n"\\', 'x'.repeat(200), '.', '+')}${n}`,
      'latin1',
    );
  for (let n = 0; n < 80; n++) {
    const place = below(pick(...folders), name(n));
    switch (pick('file', 'file', 'file', 'folder', 'link', 'link', 'symlink', 'node')) {
      case 'folder':
        mkdirSync(place);
        folders.push(place);
        break;
      case 'link':
        if (files.length > 0) linkSync(pick(...files), place);
        break;
      case 'symlink':
        symlinkSync(Buffer.from(pick('n1', '/etc/passwd', '\xff/x', 'l'.repeat(300)), 'latin1'), place);
        if (random(2) === 0) files.push(place);
        break;
      case 'node':
        makeNode(place, { ...pick<Omit<NodeSpec, 'mode'>>(...NODES), mode: 0o600 });
        break;
      case 'file':
        writeFileSync(place, Buffer.alloc(pick(0, 1, 511, 512, 513, random(9000), random(400_000)), n));
        files.push(place);
    }
  }
  for (const folder of folders.toReversed())
    for (const entry of readdirSync(folder, { encoding: 'buffer' })) decorate(below(folder, entry), random);
  setTimes(root, { accessedNs: 0n, modifiedNs: 0n });
}

/** Owner, mode, extended attributes, and a time in whole seconds. */
function decorate(place: Buffer, random: (limit: number) => number): void {
  const stats = lstatSync(place);
  lchownSync(place, [0, 1000, 2 ** 21, 4_000_000_000][random(4)] ?? 0, random(3) * 70_000);
  if (!stats.isSymbolicLink()) chmodSync(place, random(0o10000));
  if (stats.isFile() || stats.isDirectory()) {
    if (random(5) === 0) setXattr(place, 'user.\xff', Buffer.from([0, 10, 61, 255]));
    if (random(5) === 0) setXattr(place, 'user.empty', Buffer.alloc(0));
    if (random(8) === 0) setXattr(place, 'system.posix_acl_access', ACL);
  }
  if (stats.isFile() && random(5) === 0) setXattr(place, 'security.capability', CAPABILITY);
  if (random(6) === 0) setXattr(place, 'trusted.lade', Buffer.from('kept'));
  const seconds = [0n, -86_400n, 1_700_000_000n, 5_000_000_000n][random(4)] ?? 0n;
  setTimes(place, { accessedNs: 0n, modifiedNs: seconds * SECOND_NS });
}

function below(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, Buffer.from('/'), name]);
}

/** Repeatable integers from 0 to below `limit`. */
function seeded(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
