import {
  unpackPackages,
  type DebianOptions,
  type PackageRequest,
  type SuiteName,
  type UnpackedPackages,
} from '@lade/debian';

interface PackageSet {
  readonly suite: SuiteName;
  readonly packages: readonly PackageRequest[];
  /** For programs that need newer libraries than a supported machine has. */
  readonly withDependencies?: boolean;
}

/**
 * Every program of others that tests, benchmarks and the tour run: one place, pinned. Of containerd's
 * builds any, of runc's the oldest run with the libc of every supported machine; the others bring their own.
 */
const PACKAGE_SETS = {
  'containerd-1.6': {
    suite: 'bookworm',
    packages: [{ name: 'containerd', version: '1.6.20~ds1-1+deb12u3' }],
  },
  'containerd-1.7': { suite: 'trixie', packages: [{ name: 'containerd', version: '1.7.24~ds1-6+deb13u1' }] },
  'containerd-2.1': { suite: 'sid', packages: [{ name: 'containerd', version: '2.1.9+ds1-5' }] },
  runc: { suite: 'bookworm', packages: [{ name: 'runc', version: '1.1.5+ds1-1+deb12u1' }] },
  moto: {
    suite: 'sid',
    packages: [
      { name: 'python3-moto', version: '5.2.4-2' },
      { name: 'python3-flask-cors', version: '6.0.5-1' },
    ],
    withDependencies: true,
  },
  /** What reads file systems for a benchmark. */
  readers: {
    suite: 'bookworm',
    packages: [
      { name: 'fio', version: '3.33-3' },
      { name: 'attr', version: '1:2.5.1-4' },
    ],
    withDependencies: true,
  },
  'erofs-utils': {
    suite: 'sid',
    packages: [{ name: 'erofs-utils', version: '1.9.4-1' }],
    withDependencies: true,
  },
} as const satisfies Record<string, PackageSet>;

export type PackageSetName = keyof typeof PACKAGE_SETS;

/** Unpacks one pinned set into the cache, or finds it there. */
export async function unpackSet(
  name: PackageSetName,
  options: Omit<DebianOptions, 'suite'>,
): Promise<UnpackedPackages> {
  return await unpackPackages({ ...options, ...PACKAGE_SETS[name] });
}
