import { dirname } from 'node:path';
import { CodedError } from '@lade/errors';

/** OVL_MAX_STACK: overlayfs takes no more lower directories, in all versions of the kernel. */
const MAX_LOWER = 500;

/** mount(2) copies one page of options, the final NUL included. */
const MAX_OPTION_BYTES = 4095;

const CURE = 'Build the image with fewer layers: copy its files into one layer of a new image';

/** Throws `failed_precondition` for a chain of more layers than overlayfs could stack whatever they are called. */
export function requireFewLayers(name: string, layers: number): void {
  if (layers <= MAX_LOWER) return;
  const message = `Cannot stack snapshot ${name}: it has ${layers} layers, overlayfs takes ${MAX_LOWER}`;
  throw new CodedError('failed_precondition', message, { cure: CURE });
}

/** Throws `failed_precondition` for directories that one overlay mount cannot name beside its `otherOptions`. */
export function requireStackable(
  name: string,
  lower: readonly string[],
  otherOptions: readonly string[],
): void {
  const refuse = (why: string): never => {
    throw new CodedError('failed_precondition', `Cannot stack snapshot ${name}: ${why}`, { cure: CURE });
  };
  if (lower.length > MAX_LOWER)
    refuse(`its layers and their corrections are ${lower.length} directories, overlayfs takes ${MAX_LOWER}`);
  const { options } = compactLower(lower, otherOptions);
  const bytes = Buffer.byteLength(options.join(','));
  if (bytes > MAX_OPTION_BYTES)
    refuse(`its ${lower.length} directories need ${bytes} bytes of mount options, of ${MAX_OPTION_BYTES}`);
}

/**
 * What every containerd makes of options that near a page: the directory that it changes to before it mounts, and the
 * options with the lower directories named from there.
 */
export function compactLower(
  lower: readonly string[],
  otherOptions: readonly string[],
): { readonly directory: string; readonly options: readonly string[] } {
  const directory = lower.reduce(commonDirectory, dirname(lower[0] ?? '/'));
  const names = directory === '/' ? lower : lower.map((path) => path.slice(directory.length + 1));
  return { directory, options: [...otherOptions, `lowerdir=${names.join(':')}`] };
}

function commonDirectory(directory: string, path: string): string {
  if (directory === '/' || path.startsWith(`${directory}/`)) return directory;
  return commonDirectory(dirname(directory), path);
}
