import { Namespaces } from '@lade/protocol/namespaces';
import type { Connection, RequestOptions } from './connection.ts';
import type { Labels } from './translate.ts';

export interface Namespace {
  readonly name: string;
  readonly labels: Labels;
}

export class NamespacesClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async list(options: RequestOptions = {}): Promise<Namespace[]> {
    const { namespaces } = await this.#connection.call(Namespaces.method.list, {}, options);
    return namespaces.map(({ name, labels }) => ({ name, labels: { ...labels } }));
  }

  /** Throws `already_exists`. */
  async create({ name, labels }: Namespace, options: RequestOptions = {}): Promise<void> {
    const request = { namespace: { name, labels: { ...labels } } };
    await this.#connection.call(Namespaces.method.create, request, options);
  }

  /** Throws `not_found`; `failed_precondition` unless it is empty. */
  async delete(name: string, options: RequestOptions = {}): Promise<void> {
    await this.#connection.call(Namespaces.method.delete, { name }, options);
  }
}
