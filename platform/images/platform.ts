import type { Platform } from '@lade/oci';

/** GOARCH names where Node has others. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  loong64: 'loong64',
  ppc64: 'ppc64le',
};

/** The platform of this machine, as image-spec writes it. */
export function machinePlatform(): Platform {
  return { os: process.platform, architecture: ARCHITECTURES[process.arch] ?? process.arch };
}

/** os/architecture, with /variant where there is one. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

/** Whether an image for `offered` is one for `wanted`; a variant counts only where both have one. */
function matchesPlatform(offered: Platform, wanted: Platform): boolean {
  if (offered.os !== wanted.os || offered.architecture !== wanted.architecture) return false;
  return offered.variant === undefined || wanted.variant === undefined || offered.variant === wanted.variant;
}

/** The one that suits best of what there is for several platforms, or undefined. */
export function bestMatch<T extends { readonly platform?: Platform }>(
  offers: readonly T[],
  wanted: Platform,
): T | undefined {
  const matching = offers.filter(({ platform }) => platform && matchesPlatform(platform, wanted));
  return matching.find(({ platform }) => platform?.variant === wanted.variant) ?? matching[0];
}
