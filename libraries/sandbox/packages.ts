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
  /** Go, and what containerd's own test suites are compiled from. */
  'containerd-suites': {
    suite: 'sid',
    packages: [
      { name: 'golang-1.27-go', version: '1.27.3-1' },
      { name: 'golang-1.27-src', version: '1.27.3-1' },
      { name: 'golang-google-grpc-dev', version: '1.81.1-1' },
      { name: 'golang-google-protobuf-dev', version: '1.36.10-2' },
      { name: 'golang-github-containerd-containerd-dev', version: '2.1.9+ds1-5' },
      { name: 'golang-github-containerd-continuity-dev', version: '0.4.5~ds1-1' },
      { name: 'golang-golang-x-net-dev', version: '1:0.62.0-1' },
      { name: 'golang-github-google-go-cmp-dev', version: '0.7.0-1' },
      { name: 'golang-golang-x-text-dev', version: '0.43.0-1' },
      { name: 'golang-github-containerd-errdefs-dev', version: '0.3.0-4' },
      { name: 'golang-github-containerd-containerd-api-dev', version: '2.1.9+ds1-5' },
      { name: 'golang-github-stretchr-testify-dev', version: '1.11.1-2' },
      { name: 'golang-github-opencontainers-image-spec-dev', version: '1.1.1-3' },
      { name: 'golang-github-moby-sys-dev', version: '0.0~git20260904.79376e0-2' },
      { name: 'golang-github-golang-protobuf-1-5-dev', version: '1.5.4-2' },
      { name: 'golang-github-containerd-log-dev', version: '0.1.0-2' },
      { name: 'golang-google-genproto-dev', version: '0.0~git20260414.afd174a-2' },
      { name: 'golang-golang-x-sys-dev', version: '0.49.0+dfsg-1' },
      { name: 'golang-golang-x-sync-dev', version: '0.24.0-1' },
      { name: 'golang-github-sirupsen-logrus-dev', version: '1.9.3-2' },
      { name: 'golang-github-pmezard-go-difflib-dev', version: '1.0.0-4' },
      { name: 'golang-github-opencontainers-go-digest-dev', version: '1.0.0-2' },
      { name: 'golang-github-gogo-protobuf-dev', version: '1.3.2-3' },
      { name: 'golang-github-davecgh-go-spew-dev', version: '1.1.1-7' },
      { name: 'golang-github-containerd-ttrpc-dev', version: '1.2.7-1' },
      { name: 'golang-github-containerd-typeurl-dev', version: '2.2.3-1' },
      { name: 'golang-gopkg-yaml.v3-dev', version: '3.0.5-1' },
    ],
  },
  'docker-registry': {
    suite: 'bookworm',
    packages: [{ name: 'docker-registry', version: '2.8.2+ds1-1' }],
  },
  /** promtool, which judges metrics and expressions. */
  prometheus: { suite: 'bookworm', packages: [{ name: 'prometheus', version: '2.42.0+ds-5+deb12u1' }] },
  runc: { suite: 'bookworm', packages: [{ name: 'runc', version: '1.1.5+ds1-1+deb12u1' }] },
  moto: {
    suite: 'sid',
    packages: [
      { name: 'python3-moto', version: '5.2.4-2' },
      { name: 'python3-flask-cors', version: '6.0.5-1' },
    ],
    withDependencies: true,
  },
  radosgw: {
    suite: 'sid',
    packages: [{ name: 'radosgw', version: '20.2.4+ds-2' }],
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
  /** The browser that looks at the console, and letters for what it shows. */
  chromium: {
    suite: 'bookworm',
    packages: [
      { name: 'chromium-headless-shell', version: '150.0.7871.100-1~deb12u1' },
      { name: 'fonts-dejavu-core', version: '2.37-6' },
      { name: 'fonts-inter', version: '4.0~beta7+ds-1' },
      { name: 'fonts-wqy-microhei', version: '0.2.0-beta-3.1' },
    ],
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
