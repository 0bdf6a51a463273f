import { CodedError } from '@lade/errors';

/** Extended attributes, from the kernel. Names are byte strings; without `follow` a link at the end of the path is meant itself. */
export interface Xattrs {
  list(path: Uint8Array, options: { readonly follow: boolean }): string[];
  get(path: Uint8Array, name: string, options: { readonly follow: boolean }): Uint8Array | undefined;
}

export interface SortedXattrs {
  /** What belongs into a layer. */
  readonly kept: ReadonlyMap<string, Uint8Array>;
  /** The directory hides what lies below it. */
  readonly isOpaque: boolean;
}

const OVERLAY = 'trusted.overlay.';
const OPAQUE = `${OVERLAY}opaque`;
/** With these an entry is not all that the mount shows in its place. */
const ELSEWHERE = ['redirect', 'metacopy', 'whiteout', 'whiteouts'].map((name) => OVERLAY + name);
/** Of `security.*` only this: the rest speaks of the policy of one machine. */
const CAPABILITY = 'security.capability';
const ACLS = ['system.posix_acl_access', 'system.posix_acl_default'];

/**
 * The extended attributes of what `path` leads to, without overlayfs's own, which say how the entry lies over others. Throws
 * `unimplemented` where they say that the rest of it is elsewhere.
 */
export function sortXattrs(path: Buffer, follow: boolean, xattrs: Xattrs): SortedXattrs {
  const names = xattrs.list(path, { follow });
  if (names.length === 0) return NONE;
  if (names.some((name) => ELSEWHERE.includes(name))) throw isElsewhere();
  const opaque = names.includes(OPAQUE) ? xattrs.get(path, OPAQUE, { follow }) : undefined;
  if (opaque && !isYes(opaque)) throw isElsewhere();
  const kept = new Map<string, Uint8Array>();
  for (const name of names.filter(belongsIntoLayers)) {
    const value = xattrs.get(path, name, { follow });
    if (value) kept.set(name, value);
  }
  return { kept, isOpaque: opaque !== undefined };
}

const NONE: SortedXattrs = { kept: new Map(), isOpaque: false };

function belongsIntoLayers(name: string): boolean {
  if (name.startsWith('user.') || name === CAPABILITY || ACLS.includes(name)) return true;
  return name.startsWith('trusted.') && !name.startsWith(OVERLAY);
}

function isYes(value: Uint8Array): boolean {
  return Buffer.from(value).toString('latin1') === 'y';
}

function isElsewhere(): CodedError {
  return new CodedError(
    'unimplemented',
    'Cannot read changes: an entry is redirected, or has its data elsewhere',
    {
      cure: 'Mount overlays with redirect_dir=off and metacopy=off',
    },
  );
}
