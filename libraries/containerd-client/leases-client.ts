import { Leases } from '@lade/protocol/leases';
import type { Connection, RequestOptions } from './connection.ts';
import { present, toDate, type Labels } from './translate.ts';

export interface Lease {
  readonly id: string;
  readonly createdAt: Date;
  readonly labels: Labels;
}

export interface LeaseOptions extends RequestOptions {
  /** Chosen by containerd when left out. */
  readonly id?: string;
  readonly labels?: Labels;
  /** After this the garbage collector ignores it, whatever became of its owner. Never, when left out. */
  readonly expiresInMs?: number;
}

/** What keeps content and snapshots from garbage collection. */
export class LeasesClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Throws `already_exists`. */
  async create({ id = '', labels = {}, expiresInMs, ...options }: LeaseOptions = {}): Promise<Lease> {
    const expiry =
      expiresInMs === undefined
        ? {}
        : { 'containerd.io/gc.expire': new Date(Date.now() + expiresInMs).toISOString() };
    const request = { id, labels: { ...labels, ...expiry } };
    const { lease } = await this.#connection.call(Leases.method.create, request, options);
    return toLease(present(lease, 'the new lease'));
  }

  async list(filters: readonly string[] = [], options: RequestOptions = {}): Promise<Lease[]> {
    const { leases } = await this.#connection.call(Leases.method.list, { filters: [...filters] }, options);
    return leases.map(toLease);
  }

  /** With `sync`, answers after the garbage collection that it causes. Throws `not_found`. */
  async delete(id: string, options: RequestOptions & { readonly sync?: boolean } = {}): Promise<void> {
    const { sync = false, ...rest } = options;
    await this.#connection.call(Leases.method.delete, { id, sync }, rest);
  }
}

function toLease({
  id,
  createdAt,
  labels,
}: {
  id: string;
  createdAt?: Parameters<typeof toDate>[0];
  labels: Labels;
}): Lease {
  return { id, createdAt: toDate(createdAt), labels: { ...labels } };
}
