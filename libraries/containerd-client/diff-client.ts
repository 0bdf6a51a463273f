import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Descriptor } from '@lade/oci';
import { Diff } from '@lade/protocol/diff';
import type { Connection, RequestOptions } from './connection.ts';
import { fromDescriptor, fromMounts, present, toDescriptor, type Labels, type Mount } from './translate.ts';

export interface CompareOptions extends RequestOptions {
  /** Of the layer to make; containerd chooses when left out. */
  readonly mediaType?: string;
  readonly ref?: string;
  readonly labels?: Labels;
  /** Modification times after this are stated as this. */
  readonly sourceDateEpoch?: Date;
}

/** Turns layers into file trees, and back. */
export class DiffClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Unpacks the layer, which the content store has, into the mounted tree. The result's digest is the diff id. */
  async apply(
    layer: Descriptor,
    mounts: readonly Mount[],
    options: RequestOptions = {},
  ): Promise<Descriptor> {
    const request = { diff: fromDescriptor(layer), mounts: fromMounts(mounts) };
    const { applied } = await this.#connection.call(Diff.method.apply, request, options);
    return toDescriptor(present(applied, `what ${layer.digest} was unpacked to`));
  }

  /** Makes a layer of what `right` has more, less or otherwise than `left`, and stores it. */
  async compare(
    left: readonly Mount[],
    right: readonly Mount[],
    { mediaType = '', ref = '', labels = {}, sourceDateEpoch, ...options }: CompareOptions = {},
  ): Promise<Descriptor> {
    const trees = { left: fromMounts(left), right: fromMounts(right) };
    const epoch = sourceDateEpoch ? { sourceDateEpoch: timestampFromDate(sourceDateEpoch) } : {};
    const request = { ...trees, mediaType, ref, labels: { ...labels }, ...epoch };
    const { diff } = await this.#connection.call(Diff.method.diff, request, options);
    return toDescriptor(present(diff, 'the layer that was made'));
  }
}
