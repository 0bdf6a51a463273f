import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt';
import { CodedError } from '@lade/errors';
import { isDigest, parseDigest, type Descriptor } from '@lade/oci';
import type { Descriptor as WireDescriptor, Mount as WireMount } from '@lade/protocol';

export type Labels = Readonly<Record<string, string>>;

/** One mount(2) to make, in the words of mount(8). */
export interface Mount {
  readonly type: string;
  readonly source: string;
  /** Relative to the root that is being put together; '' for the root itself. */
  readonly target: string;
  readonly options: readonly string[];
}

export function toDescriptor(wire: WireDescriptor): Descriptor {
  return {
    mediaType: wire.mediaType,
    digest: parseDigest(wire.digest),
    size: Number(wire.size),
    ...(Object.keys(wire.annotations).length > 0 ? { annotations: { ...wire.annotations } } : {}),
  };
}

/** Whether it is one that Lade can hold: containerd also takes digests of other algorithms. */
export function isOurs(wire: { readonly digest: string } | undefined): boolean {
  return wire !== undefined && isDigest(wire.digest);
}

interface DescriptorInit {
  mediaType: string;
  digest: string;
  size: bigint;
  annotations: Record<string, string>;
}

export function fromDescriptor({ mediaType, digest, size, annotations }: Descriptor): DescriptorInit {
  return { mediaType, digest, size: BigInt(size), annotations: { ...annotations } };
}

export function toMounts(wire: readonly WireMount[]): Mount[] {
  return wire.map(({ type, source, target, options }) => ({ type, source, target, options }));
}

export function fromMounts(mounts: readonly Mount[]): { options: string[] }[] {
  return mounts.map((mount) => ({ ...mount, options: [...mount.options] }));
}

/** 1970 for a time that containerd left out. */
export function toDate(time: Timestamp | undefined): Date {
  return time === undefined ? new Date(0) : timestampDate(time);
}

/** The part of an answer that containerd always fills in. */
export function present<T>(part: T | undefined, what: string): T {
  if (part === undefined) throw new CodedError('internal', `Cannot read ${what}: containerd left it out`);
  return part;
}
