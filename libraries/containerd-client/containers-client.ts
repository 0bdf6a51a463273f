import { Containers, type Container as WireContainer } from '@lade/protocol/containers';
import type { Connection, RequestOptions } from './connection.ts';
import { present, toDate, type Labels } from './translate.ts';

/** The record of a container; what runs is a task. */
export interface ContainerRecord {
  readonly id: string;
  readonly image: string;
  readonly labels: Labels;
  /** Such as io.containerd.runc.v2. */
  readonly runtime: string;
  readonly snapshotter: string;
  readonly snapshotKey: string;
  /** The OCI runtime spec, as JSON would have it. */
  readonly spec: unknown;
}

export interface Container extends ContainerRecord {
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const SPEC_TYPE = 'types.containerd.io/opencontainers/runtime-spec/1/Spec';

/** The containers of one namespace. */
export class ContainersClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Throws `not_found`. */
  async get(id: string, options: RequestOptions = {}): Promise<Container> {
    const { container } = await this.#connection.call(Containers.method.get, { id }, options);
    return toContainer(present(container, `container ${id}`));
  }

  /** All that match one of the filters, or all. */
  async list(filters: readonly string[] = [], options: RequestOptions = {}): Promise<Container[]> {
    const request = { filters: [...filters] };
    const { containers } = await this.#connection.call(Containers.method.list, request, options);
    return containers.map(toContainer);
  }

  /** Throws `already_exists`. */
  async create(record: ContainerRecord, options: RequestOptions = {}): Promise<Container> {
    const request = {
      container: {
        ...record,
        labels: { ...record.labels },
        runtime: { name: record.runtime },
        spec: { typeUrl: SPEC_TYPE, value: Buffer.from(JSON.stringify(record.spec)) },
      },
    };
    const { container } = await this.#connection.call(Containers.method.create, request, options);
    return toContainer(present(container, `container ${record.id}`));
  }

  /** Sets these labels, and leaves its others as they are. Throws `not_found`. */
  async label(id: string, labels: Labels, options: RequestOptions = {}): Promise<void> {
    const paths = Object.keys(labels).map((name) => `labels.${name}`);
    const request = { container: { id, labels: { ...labels } }, updateMask: { paths } };
    await this.#connection.call(Containers.method.update, request, options);
  }

  /** Throws `not_found`. */
  async delete(id: string, options: RequestOptions = {}): Promise<void> {
    await this.#connection.call(Containers.method.delete, { id }, options);
  }
}

function toContainer(container: WireContainer): Container {
  const { id, image, labels, runtime, snapshotter, snapshotKey, spec } = container;
  return {
    id,
    image,
    labels: { ...labels },
    runtime: runtime?.name ?? '',
    snapshotter,
    snapshotKey,
    spec: spec === undefined ? undefined : JSON.parse(Buffer.from(spec.value).toString('utf8')),
    createdAt: toDate(container.createdAt),
    updatedAt: toDate(container.updatedAt),
  };
}
