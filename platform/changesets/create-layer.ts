import { compress, type Compression } from '@lade/compression';
import { Digester, type Digest } from '@lade/oci';
import { shareBytes, type ByteSource } from '@lade/streams';
import { encodeTar } from '@lade/tar';
import { readChanges, type Changes, type ReadOptions } from './read-changes.ts';

/** The label of packed content that has its diff id. */
const UNCOMPRESSED = 'containerd.io/uncompressed';

type Labels = Readonly<Record<string, string>>;

/** Where layers go as registries have them. */
export interface LayerContent {
  /** Resolves when all is stored; `labels` is asked for when the bytes have ended. */
  write(
    bytes: ByteSource,
    labels: () => Labels,
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly digest: Digest; readonly sizeBytes: number }>;
}

export interface CreateOptions<T extends Disposable> extends Omit<ReadOptions, 'signal'> {
  readonly compression: Compression;
  /** What else the content is to be labelled with. */
  readonly labels: Labels;
  readonly content: LayerContent;
  /** Makes something else of the same tar, of which a failure is a result. Changes nothing of what it is given. */
  readonly convert: (tar: ByteSource, options: { readonly signal: AbortSignal }) => Promise<T>;
  readonly signal: AbortSignal;
}

export interface CreatedLayer<T> {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly diffId: Digest;
  readonly tarBytes: number;
  readonly converted: PromiseSettledResult<T>;
}

/**
 * Makes a layer of what a snapshot has changed, in one reading: packed into a content store, and converted. The same changes give
 * the same bytes. Throws what reading the changes and storing the content throw; then nothing is left but an ingest.
 */
export async function createLayer<T extends Disposable>(
  changes: Changes,
  options: CreateOptions<T>,
): Promise<CreatedLayer<T>> {
  const { convert } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const tar = encodeTar(readChanges(changes, options));
  const [stored, converted] = await shareBytes<[Stored, T]>(tar, [
    async (bytes) =>
      store(bytes, options).catch((reason: unknown) => {
        stop.abort(reason);
        throw reason;
      }),
    async (bytes) => convert(bytes, { signal }),
  ]);
  if (stored.status === 'fulfilled') return { ...stored.value, converted };
  if (converted.status === 'fulfilled') converted.value[Symbol.dispose]();
  throw stored.reason;
}

type Stored = Omit<CreatedLayer<never>, 'converted'>;

async function store(
  tar: ByteSource,
  { compression, labels, content, signal }: Omit<CreateOptions<Disposable>, 'convert'>,
): Promise<Stored> {
  const plain = new Measured(tar);
  const packed = compress(plain.bytes(), compression, { signal });
  const all = (): Labels => (compression === 'none' ? labels : { ...labels, [UNCOMPRESSED]: plain.digest() });
  const written = await content.write(packed, all, { signal });
  return { ...written, diffId: plain.digest(), tarBytes: plain.sizeBytes };
}

/** Bytes of which size and digest are known once they have passed. */
class Measured {
  readonly #source: ByteSource;
  readonly #digester = new Digester();
  #digest: Digest | undefined;
  sizeBytes = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#source) {
      this.#digester.update(chunk);
      this.sizeBytes += chunk.byteLength;
      yield chunk;
    }
  }

  digest(): Digest {
    return (this.#digest ??= this.#digester.finish());
  }
}
