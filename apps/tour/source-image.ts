import { buildImage, startOrigin, type Origin } from '@lade/sandbox';
import { CodedError } from '@lade/errors';
import type { TourArguments } from './arguments.ts';
import type { LadeNode } from './node.ts';

const PYTHON = ['python3', '-c', 'import sys, json; print("hello from Python", sys.version.split()[0])'];

/** The image that the tour is about, and how the first node comes by it. */
export interface SourceImage extends AsyncDisposable {
  /** What to run when the user named no command; empty for the image's own. */
  readonly command: readonly string[];
  /** Says where it comes from, as in "pulled from …". */
  readonly description: string;
  /** Gets the image through Lade into the node's containerd; its reference there. */
  bringTo(node: LadeNode): Promise<string>;
  /** Bytes that the origin has sent, when it is ours to count. */
  sentBytes(): number | undefined;
}

export async function openSourceImage(
  { image, command }: TourArguments,
  options: {
    readonly cacheFolder: string;
    readonly log: (line: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<SourceImage> {
  if (image.kind === 'archive') return archive(image.path, command);
  if (image.kind === 'reference') return reference(image.name, command);
  const { layout, name } = await buildImage('python', options);
  return assembled(await startOrigin([layout]), name, command.length > 0 ? command : PYTHON);
}

function assembled(origin: Origin, name: string, command: readonly string[]): SourceImage {
  const full = `${origin.address}/${name}`;
  return {
    command,
    description: `${name}, put together from distribution packages, pulled from a registry on loopback`,
    async bringTo(node) {
      await node.containerd.pull(full, { snapshotter: 'lade' });
      return full;
    },
    sentBytes: () => [...origin.bytesByDigest().values()].reduce((sum, bytes) => sum + bytes, 0),
    [Symbol.asyncDispose]: async () => origin[Symbol.asyncDispose](),
  };
}

function reference(name: string, command: readonly string[]): SourceImage {
  return {
    command,
    description: `${name}, pulled from its registry`,
    async bringTo(node) {
      await node.ctr('images', 'pull', '--snapshotter', 'lade', name);
      return name;
    },
    sentBytes: () => undefined,
    async [Symbol.asyncDispose]() {},
  };
}

function archive(path: string, command: readonly string[]): SourceImage {
  return {
    command,
    description: `the archive ${path}`,
    async bringTo(node) {
      await node.ctr('images', 'import', '--snapshotter', 'lade', path);
      const [name] = (await node.ctr('images', 'list', '--quiet')).split('\n').filter((line) => line !== '');
      if (name !== undefined) return name;
      throw new CodedError('invalid_argument', `Cannot use ${path}: it holds no image with a name`, {
        cure: 'Save the image with its name and tag',
      });
    },
    sentBytes: () => undefined,
    async [Symbol.asyncDispose]() {},
  };
}
