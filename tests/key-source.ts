import { rename, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ObsKey } from '@lade/sandbox';

export interface KeySourceOptions {
  /** Of a file with the key of the moment. */
  readonly folder: string;
  /** What the clock of the store, by which keys end, is ahead of this machine's. Default 0. */
  readonly clockAheadMs?: number;
}

type MadeKey = ObsKey & { readonly id: string; readonly sessionToken: string };

/** Makes keys of a store, and plays the places that nodes have new ones from: a file, and the metadata service of a server. */
export class KeySource implements AsyncDisposable {
  readonly file: string;
  readonly #clockAheadMs: number;
  readonly #keys = new Map<string, MadeKey>();
  readonly #metadata: Server;
  #newest: MadeKey | undefined;
  #isOut = false;
  #made = 0;

  private constructor({ folder, clockAheadMs = 0 }: KeySourceOptions, metadata: Server) {
    this.file = join(folder, 'keys.json');
    this.#clockAheadMs = clockAheadMs;
    this.#metadata = metadata;
    metadata.on('request', (request, response) => {
      request.resume();
      const isToken = request.url === '/meta-data/latest/api/token';
      if (this.#isOut) response.writeHead(503).end();
      else response.end(isToken ? 'token' : JSON.stringify({ credential: this.#asHuawei() }));
    });
  }

  static async open(options: KeySourceOptions): Promise<KeySource> {
    const metadata = createServer();
    await once(metadata.listen(0, '127.0.0.1'), 'listening');
    return new KeySource(options, metadata);
  }

  /** Origin of the metadata service. */
  get metadata(): string {
    return `http://127.0.0.1:${(this.#metadata.address() as AddressInfo).port}`;
  }

  /** How many keys there have been. */
  get made(): number {
    return this.#made;
  }

  /** Of the store. */
  readonly now = (): Date => new Date(Date.now() + this.#clockAheadMs);

  /** What the store knows. */
  readonly keys = (): ReadonlyMap<string, ObsKey> => this.#keys;

  /** Makes another key; one that never ends takes the place of all others at once. */
  async renew(lifetimeMs = Infinity): Promise<void> {
    const ends = lifetimeMs < Infinity;
    if (!ends) this.#keys.clear();
    const id = `key-${++this.#made}`;
    const expiresAt = ends ? { expiresAt: new Date(this.now().getTime() + lifetimeMs) } : {};
    this.#newest = {
      id,
      secretAccessKey: `secret of ${id}`,
      sessionToken: `token of ${id}`,
      ...expiresAt,
    };
    this.#keys.set(id, this.#newest);
    if (!this.#isOut) await this.#write();
  }

  /** Nobody is told of a key, until it ends. */
  async beginOutage(): Promise<void> {
    this.#isOut = true;
    await rm(this.file);
  }

  async endOutage(): Promise<void> {
    this.#isOut = false;
    await this.#write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#metadata.closeAllConnections();
    await this.#metadata[Symbol.asyncDispose]();
  }

  async #write(): Promise<void> {
    const { id, secretAccessKey, sessionToken, expiresAt } = this.#newest ?? {};
    const fields = { AccessKeyId: id, SecretAccessKey: secretAccessKey, SessionToken: sessionToken };
    await writeFile(`${this.file}.new`, JSON.stringify({ ...fields, Expiration: expiresAt }));
    await rename(`${this.file}.new`, this.file);
  }

  #asHuawei(): object {
    const { id, secretAccessKey, sessionToken, expiresAt } = this.#newest ?? {};
    return { access: id, secret: secretAccessKey, securitytoken: sessionToken, expires_at: expiresAt };
  }
}
