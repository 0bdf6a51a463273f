import { CodedError } from '@lade/errors';
import { isXattrSupported, type Inode, type InodeAttributes } from '@lade/erofs';
import type { TarEntry } from '@lade/tar';
import { cleanPath, splitPath } from './tar-path.ts';

export type Directory = Extract<Inode, { kind: 'directory' }> & { readonly entries: Map<string, Inode> };

const WHITEOUT_PREFIX = '.wh.';
const OPAQUE_MARKER = '.wh..wh..opq';
const AUFS_PREFIX = '.wh..wh.';
const OPAQUE_XATTR = 'trusted.overlay.opaque';
const OPAQUE_VALUE = Buffer.from('y');
const MAX_SYMLINKS = 255;

/** containerd stores times outside of what a 64-bit nanosecond clock can say as the epoch. */
const MAX_SECONDS = 9_223_372_036;
const EPOCH = { seconds: 0, nanoseconds: 0 };

/**
 * The directory tree of one layer, grown entry by entry with the meaning that image-spec layer.md gives them and
 * containerd's applier puts into practice: later entries win, symlinked parents are followed inside the layer,
 * whiteouts become overlayfs's. Nothing ever touches the node's file system.
 */
export class LayerTree {
  readonly root: Directory = newDirectory(0o755);
  readonly #implied = new Set<Directory>();
  #lastParentPath = '';
  #lastParent: Directory = this.root;

  /** Adds an entry; `blobBlock` is where a file's data starts. Throws `invalid_argument` naming the entry. */
  add(entry: TarEntry, blobBlock: number): void {
    const components = cleanPath(entry.path);
    const name = components.pop();
    if (name === undefined) return;
    if (components[0]?.startsWith(AUFS_PREFIX) || (components.length === 0 && isAufsMetadata(name))) return;
    const parent = this.#parentOf(components, entry.path);
    if (name === OPAQUE_MARKER) setOpaque(parent);
    else if (name.startsWith(WHITEOUT_PREFIX))
      this.#addWhiteout(parent, name.slice(WHITEOUT_PREFIX.length), entry.path);
    else if (entry.kind === 'hard-link') this.#addHardLink(parent, name, entry);
    else if (entry.kind === 'directory') this.#addDirectory(parent, name, entry);
    else this.#replace(parent, name, newInode(entry, blobBlock));
  }

  /** How many directories no entry has named so far. */
  get impliedCount(): number {
    return this.#implied.size;
  }

  /** Byte-string paths of the directories that no entry named, parents first. */
  impliedDirectories(): string[] {
    const paths: string[] = [];
    const visit = (directory: Directory, path: string): void => {
      for (const [name, inode] of directory.entries) {
        if (inode.kind !== 'directory') continue;
        const child = path === '' ? name : `${path}/${name}`;
        if (this.#implied.has(inode as Directory)) paths.push(child);
        visit(inode as Directory, child);
      }
    };
    if (this.#implied.size > 0) visit(this.root, '');
    return paths.sort();
  }

  #addDirectory(parent: Directory, name: string, entry: TarEntry): void {
    const existing = parent.entries.get(name);
    if (existing?.kind === 'directory') {
      Object.assign(existing, attributesOf(entry, existing.xattrs));
      this.#implied.delete(existing as Directory);
      return;
    }
    const directory: Directory = { kind: 'directory', ...attributesOf(entry), entries: new Map() };
    if (isWhiteout(existing)) setOpaque(directory);
    this.#replace(parent, name, directory);
  }

  /** A whiteout speaks of lower layers only: what this layer itself has under the name stays. */
  #addWhiteout(parent: Directory, name: string, path: string): void {
    if (name === '' || name === '.' || name === '..') throw invalidEntry(path, 'it is a whiteout of nothing');
    const existing = parent.entries.get(name);
    if (existing?.kind === 'directory') setOpaque(existing as Directory);
    if (existing) return;
    parent.entries.set(name, {
      kind: 'character-device',
      device: {
        major: 0,
        minor: 0,
      },
      mode: 0,
      uid: 0,
      gid: 0,
      modified: EPOCH,
      xattrs: new Map(),
    });
  }

  #addHardLink(parent: Directory, name: string, entry: TarEntry): void {
    const components = cleanPath(entry.linkPath);
    const targetName = components.pop();
    const target =
      targetName === undefined ? undefined : this.#parentOf(components, entry.path).entries.get(targetName);
    if (target === undefined || isWhiteout(target)) {
      throw invalidEntry(
        entry.path,
        `it is a hard link to ${quote(entry.linkPath)}, which this layer does not have`,
      );
    }
    if (target.kind === 'directory') throw invalidEntry(entry.path, 'it is a hard link to a directory');
    const { mode, ...attributes } = attributesOf(entry, target.xattrs);
    Object.assign(target, attributes, target.kind === 'symlink' ? {} : { mode });
    if (parent.entries.get(name) !== target) this.#replace(parent, name, target);
  }

  #replace(parent: Directory, name: string, inode: Inode): void {
    const existing = parent.entries.get(name);
    if (existing) {
      parent.entries.delete(name);
      if (existing.kind === 'directory' || existing.kind === 'symlink') this.#forgetLastParent();
    }
    parent.entries.set(name, inode);
  }

  #forgetLastParent(): void {
    this.#lastParentPath = '';
    this.#lastParent = this.root;
  }

  /** The directory that `components` lead to, made where missing. */
  #parentOf(components: readonly string[], entryPath: string): Directory {
    const path = components.join('/');
    if (path !== this.#lastParentPath) {
      this.#lastParent = this.#walk(components, entryPath);
      this.#lastParentPath = path;
    }
    return this.#lastParent;
  }

  #walk(components: readonly string[], entryPath: string): Directory {
    let trail: Directory[] = [this.root];
    const pending = components.toReversed();
    let symlinks = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '..') {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const here = trail.at(-1) ?? this.root;
      const child = here.entries.get(name);
      if (child?.kind === 'symlink') {
        if (++symlinks > MAX_SYMLINKS)
          throw invalidEntry(entryPath, 'its parent is a loop of symbolic links');
        if (child.target.startsWith('/')) trail = [this.root];
        pending.push(...splitPath(child.target).toReversed());
      } else {
        trail.push(this.#childDirectory(here, name, child, entryPath));
      }
    }
    return trail.at(-1) ?? this.root;
  }

  #childDirectory(parent: Directory, name: string, child: Inode | undefined, entryPath: string): Directory {
    if (child?.kind === 'directory') return child as Directory;
    if (child && !isWhiteout(child))
      throw invalidEntry(entryPath, `its parent ${quote(name)} is a ${child.kind}`);
    const directory = newDirectory(0o755);
    if (child) setOpaque(directory);
    this.#implied.add(directory);
    parent.entries.set(name, directory);
    return directory;
  }
}

function newDirectory(mode: number): Directory {
  return { kind: 'directory', mode, uid: 0, gid: 0, modified: EPOCH, xattrs: new Map(), entries: new Map() };
}

function newInode(entry: TarEntry, blobBlock: number): Inode {
  const attributes = attributesOf(entry);
  switch (entry.kind) {
    case 'file':
      return { kind: 'file', ...attributes, sizeBytes: entry.sizeBytes, blobBlock };
    case 'symlink':
      return { kind: 'symlink', ...attributes, mode: 0o777, target: entry.linkPath };
    case 'character-device':
    case 'block-device':
      return { kind: entry.kind, ...attributes, device: entry.device };
    case 'fifo':
      return { kind: 'fifo', ...attributes };
    case 'directory':
    case 'hard-link':
      throw new TypeError(`${entry.kind} entries are added elsewhere`);
    default:
      return entry.kind satisfies never;
  }
}

function attributesOf(entry: TarEntry, before?: ReadonlyMap<string, Uint8Array>): InodeAttributes {
  const { seconds } = entry.modified;
  return {
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    modified: seconds < 0 || seconds >= MAX_SECONDS ? EPOCH : entry.modified,
    xattrs: mergeXattrs(before, entry.xattrs),
  };
}

const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();

/** Names that no Linux file system keeps are left out, as containerd's applier does on ENOTSUP. */
function mergeXattrs(
  before: ReadonlyMap<string, Uint8Array> = NO_XATTRS,
  added: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<string, Uint8Array> {
  if (added.size === 0) return before;
  return new Map([...before, ...[...added].filter(([name]) => isXattrSupported(name))]);
}

function setOpaque(directory: Directory): void {
  Object.assign(directory, { xattrs: new Map([...directory.xattrs, [OPAQUE_XATTR, OPAQUE_VALUE]]) });
}

function isWhiteout(inode: Inode | undefined): boolean {
  return inode?.kind === 'character-device' && inode.device.major === 0 && inode.device.minor === 0;
}

function isAufsMetadata(name: string): boolean {
  return name.startsWith(AUFS_PREFIX) && name !== OPAQUE_MARKER;
}

function quote(path: string): string {
  return JSON.stringify(Buffer.from(path, 'latin1').toString('utf8'));
}

function invalidEntry(path: string, why: string): CodedError {
  return new CodedError('invalid_argument', `Cannot unpack layer entry ${quote(path)}: ${why}`, {
    cure: 'Build the image again; this layer breaks the OCI layer format',
  });
}
