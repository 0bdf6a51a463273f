import type { Descriptor } from '@lade/oci';
import { Images, type Image as WireImage } from '@lade/protocol/images';
import type { Connection, RequestOptions } from './connection.ts';
import { fromDescriptor, isOurs, present, toDate, toDescriptor, type Labels } from './translate.ts';

/** A name for a descriptor. */
export interface ImageRecord {
  readonly name: string;
  readonly target: Descriptor;
  readonly labels: Labels;
}

export interface Image extends ImageRecord {
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The images of one namespace. */
export class ImagesClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Throws `not_found`. */
  async get(name: string, options: RequestOptions = {}): Promise<Image> {
    const { image } = await this.#connection.call(Images.method.get, { name }, options);
    return toImage(present(image, `image ${name}`));
  }

  /** All that match one of the filters, or all; images whose digest is no sha256 are left out. */
  async list(filters: readonly string[] = [], options: RequestOptions = {}): Promise<Image[]> {
    const { images } = await this.#connection.call(Images.method.list, { filters: [...filters] }, options);
    return images.filter(({ target }) => isOurs(target)).map(toImage);
  }

  /** Throws `already_exists`. */
  async create(record: ImageRecord, options: RequestOptions = {}): Promise<Image> {
    const { image } = await this.#connection.call(
      Images.method.create,
      { image: fromRecord(record) },
      options,
    );
    return toImage(present(image, `image ${record.name}`));
  }

  /** Replaces target and labels. Throws `not_found`. */
  async update(record: ImageRecord, options: RequestOptions = {}): Promise<Image> {
    const { image } = await this.#connection.call(
      Images.method.update,
      { image: fromRecord(record) },
      options,
    );
    return toImage(present(image, `image ${record.name}`));
  }

  /** With `sync`, answers after the garbage collection that it causes. Throws `not_found`. */
  async delete(name: string, options: RequestOptions & { readonly sync?: boolean } = {}): Promise<void> {
    const { sync = false, ...rest } = options;
    await this.#connection.call(Images.method.delete, { name, sync }, rest);
  }
}

function toImage(image: WireImage): Image {
  return {
    name: image.name,
    target: toDescriptor(present(image.target, `target of image ${image.name}`)),
    labels: { ...image.labels },
    createdAt: toDate(image.createdAt),
    updatedAt: toDate(image.updatedAt),
  };
}

function fromRecord({ name, target, labels }: ImageRecord) {
  return { name, target: fromDescriptor(target), labels: { ...labels } };
}
