import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { codeOf } from '@lade/errors';
import { GrpcClient } from '@lade/grpc';
import { digestOf } from '@lade/oci';
import { Content, WriteAction, type WriteContentRequestSchema } from '@lade/protocol/content';
import { Snapshots } from '@lade/protocol/snapshots';
import { forEachConcurrently } from '@lade/streams';
import { DaemonProcess } from '@lade/tour/daemon-process';
import { Testbed, needsRoot } from './testbed.ts';

/*
 * The same calls, wrong ones above all, to containerd's own services and to ours: the same codes must come back.
 */
type WriteRequest = MessageInitShape<typeof WriteContentRequestSchema>;
type Script = (peer: Peer) => Promise<void>;

const { STAT, WRITE, COMMIT } = WriteAction;
/** What nothing refers to would be collected at any moment. */
const KEPT = { 'containerd.io/gc.root': '1' };
const HELLO = Buffer.from('hello, content');
const DIGEST = digestOf(HELLO);
const ABSENT = digestOf('absent');

/** One side of the comparison, and what it has answered so far. */
class Peer {
  readonly codes: string[] = [];
  readonly #client: GrpcClient;
  readonly #snapshotter: string;

  constructor(client: GrpcClient, snapshotter: string) {
    this.#client = client;
    this.#snapshotter = snapshotter;
  }

  async note(what: string, call: Promise<unknown>): Promise<void> {
    const code = await call.then(() => 'ok', codeOf);
    this.codes.push(`${what}: ${code}`);
  }

  async prepare(key: string, parent = '', labels: Record<string, string> = KEPT): Promise<void> {
    const request = { snapshotter: this.#snapshotter, key, parent, labels };
    await this.note(`prepare ${key} on ${parent}`, this.#call(Snapshots.method.prepare, request));
  }

  async view(key: string, parent = ''): Promise<void> {
    const request = { snapshotter: this.#snapshotter, key, parent, labels: KEPT };
    await this.note(`view ${key} on ${parent}`, this.#call(Snapshots.method.view, request));
  }

  async commit(name: string, key: string, labels: Record<string, string> = KEPT): Promise<void> {
    const request = { snapshotter: this.#snapshotter, name, key, labels };
    await this.note(`commit ${key} as ${name}`, this.#call(Snapshots.method.commit, request));
  }

  async onKey(method: 'mounts' | 'remove' | 'stat' | 'usage', key: string): Promise<void> {
    const request = { snapshotter: this.#snapshotter, key };
    await this.note(`${method} ${key}`, this.#call(Snapshots.method[method], request));
  }

  async update(name: string, labels: Record<string, string>, ...paths: string[]): Promise<void> {
    const request = { snapshotter: this.#snapshotter, info: { name, labels }, updateMask: { paths } };
    await this.note(`update ${name} ${paths.join()}`, this.#call(Snapshots.method.update, request));
  }

  async list(...filters: string[]): Promise<void> {
    const request = { snapshotter: this.#snapshotter, filters };
    await this.note(`list ${filters.join()}`, this.#drain(Snapshots.method.list, request));
  }

  async content(method: 'info' | 'delete', digest: string): Promise<void> {
    await this.note(`content ${method} ${digest}`, this.#call(Content.method[method], { digest }));
  }

  async ingest(method: 'status' | 'abort', ref: string): Promise<void> {
    await this.note(`ingest ${method} ${ref}`, this.#call(Content.method[method], { ref }));
  }

  async label(digest: string, labels: Record<string, string>, ...paths: string[]): Promise<void> {
    const request = { info: { digest, labels }, updateMask: { paths } };
    await this.note(`content update ${paths.join()}`, this.#call(Content.method.update, request));
  }

  async listContent(...filters: string[]): Promise<void> {
    await this.note(`content list ${filters.join()}`, this.#drain(Content.method.list, { filters }));
  }

  async listIngests(...filters: string[]): Promise<void> {
    await this.note(`ingests ${filters.join()}`, this.#call(Content.method.listStatuses, { filters }));
  }

  async read(digest: string, offset: bigint, size: bigint): Promise<void> {
    const call = this.#drain(Content.method.read, { digest, offset, size });
    await this.note(`read ${size} at ${offset}`, call);
  }

  /** Notes every answer's offset too. */
  async write(what: string, ...requests: WriteRequest[]): Promise<void> {
    async function* send(): AsyncGenerator<WriteRequest> {
      yield* requests;
    }
    const offsets: bigint[] = [];
    const call = (async () => {
      const answers = this.#client.converse(Content.method.write, send(), { namespace: 'codes' });
      for await (const { offset } of answers) offsets.push(offset);
    })();
    await this.note(`write ${what}`, call);
    // containerd repeats its last answer at the end of a stream.
    this.codes.push(`${what} stands at ${[...new Set(offsets)].join()}`);
  }

  async #call(...[method, request]: Parameters<GrpcClient['call']>): Promise<unknown> {
    return this.#client.call(method, request, { namespace: 'codes' });
  }

  async #drain(...[method, request]: Parameters<GrpcClient['stream']>): Promise<unknown> {
    return Array.fromAsync(this.#client.stream(method, request, { namespace: 'codes' }));
  }
}

const atLimit = (bytes: number): Record<string, string> => ({ ...KEPT, k: 'x'.repeat(bytes - 1) });

const SNAPSHOTS: Readonly<Record<string, Script>> = {
  async 'snapshots: names and parents'(peer) {
    await peer.prepare('');
    await peer.prepare('a');
    await peer.prepare('a');
    await peer.view('a');
    await peer.prepare('b', 'absent');
    await peer.prepare('b', 'a');
    await peer.view('b', 'a');
    await peer.commit('c', 'a');
    await peer.prepare('c');
    await peer.prepare('b', 'c');
    await peer.view('v', 'c');
  },
  async 'snapshots: commits'(peer) {
    await peer.commit('d', 'absent');
    await peer.commit('d', 'c');
    await peer.commit('d', 'v');
    await peer.commit('c', 'b');
    await peer.commit('', 'b');
    await peer.commit('d', 'b', atLimit(4097));
    await peer.commit('d', 'b', atLimit(4096));
    await peer.commit('e', 'b');
  },
  async 'snapshots: looks'(peer) {
    for (const method of ['mounts', 'stat', 'usage'] as const)
      for (const key of ['absent', '', 'c', 'd', 'v']) await peer.onKey(method, key);
    await peer.list();
    await peer.list('name==c');
    for (const bad of ['==', 'name==', 'name~="("', 'name=c', 'a,,b', 'name=="c']) await peer.list(bad);
  },
  async 'snapshots: labels'(peer) {
    await peer.prepare('long', '', atLimit(4097));
    await peer.prepare('fits', '', atLimit(4096));
    await peer.update('absent', KEPT);
    await peer.update('c', KEPT, 'labels.a', 'labels');
    await peer.update('c', KEPT, 'kind');
    await peer.update('c', atLimit(4097), 'labels');
    await peer.update('c', atLimit(4096), 'labels.k');
    await peer.update('', KEPT);
  },
  async 'snapshots: removals'(peer) {
    await peer.onKey('remove', 'absent');
    await peer.onKey('remove', '');
    await peer.onKey('remove', 'c');
    await peer.onKey('remove', 'v');
    await peer.onKey('remove', 'v');
    await peer.onKey('remove', 'd');
    await peer.onKey('remove', 'c');
  },
};

const CONTENT: Readonly<Record<string, Script>> = {
  async 'content: wrong digests and refs'(peer) {
    for (const digest of ['', 'sha256', 'sha256:short', 'md5:0123', ABSENT, `${ABSENT}0`]) {
      await peer.content('info', digest);
      await peer.content('delete', digest);
      await peer.read(digest, 0n, 0n);
      await peer.label(digest, { a: '1' });
    }
    await peer.ingest('status', 'absent');
    await peer.ingest('abort', 'absent');
    await peer.write('without ref', { action: STAT });
    await peer.write('data without ref', { action: WRITE, data: HELLO });
    await peer.write('nothing');
  },
  async 'content: offsets'(peer) {
    await peer.write('half', { action: WRITE, ref: 'r', data: HELLO.subarray(0, 5) });
    await peer.ingest('status', 'r');
    await peer.write('ahead', { action: WRITE, ref: 'r', offset: 9n, data: HELLO });
    await peer.write('behind', { action: WRITE, ref: 'r', offset: 3n, data: HELLO });
    await peer.write('on', { action: WRITE, ref: 'r', offset: 5n, data: HELLO.subarray(5, 7) });
    await peer.write('at the end', { action: WRITE, ref: 'r', offset: -1n, data: HELLO.subarray(7) });
    await peer.write('again from 0', { action: WRITE, ref: 'r', data: HELLO }, { action: STAT });
  },
  async 'content: commits'(peer) {
    await peer.write('of another size', { action: COMMIT, ref: 'r', offset: 14n, total: 13n });
    await peer.write('of another digest', { action: COMMIT, ref: 'r', offset: 14n, expected: ABSENT });
    await peer.write('with a label that is too long', {
      action: COMMIT,
      ref: 'r',
      offset: 14n,
      labels: atLimit(4097),
    });
    await peer.ingest('status', 'r');
    await peer.write('right', { action: COMMIT, ref: 'r', offset: 14n, labels: atLimit(4096) });
    await peer.ingest('status', 'r');
    await peer.write('of what is there', { action: STAT, ref: 's', expected: DIGEST });
    await peer.write('of what is there, unannounced', { action: COMMIT, ref: 's', data: HELLO });
    await peer.write('of what is there, announced late', {
      action: COMMIT,
      ref: 's',
      data: HELLO,
      expected: DIGEST,
    });
    await peer.ingest('status', 's');
  },
  async 'content: reads'(peer) {
    for (const [offset, size] of [
      [0n, 0n],
      [0n, 99n],
      [14n, 1n],
      [15n, 1n],
      [-1n, 3n],
      [3n, -3n],
    ] as const)
      await peer.read(DIGEST, offset, size);
    await peer.listContent();
    await peer.listContent(`digest==${DIGEST}`);
    for (const bad of ['==', 'digest=', 'labels."a', 'x~=y,,']) {
      await peer.listContent(bad);
      await peer.listIngests(bad);
    }
  },
  async 'content: labels and removal'(peer) {
    await peer.label(DIGEST, { ...KEPT, a: '1' }, 'labels');
    await peer.label(DIGEST, { a: '2' }, 'labels.a', 'labels.b');
    await peer.label(DIGEST, {}, 'size');
    await peer.label(DIGEST, atLimit(4097), 'labels');
    await peer.content('info', DIGEST);
    await peer.content('delete', DIGEST);
    await peer.content('delete', DIGEST);
    await peer.read(DIGEST, 0n, 0n);
  },
};

for (const version of ['1.7', '2.1'] as const) {
  test(`wrong calls have the codes of containerd ${version}`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const node = await bed.node('node', await bed.bucket('directory'), version);
    await using daemon = await startDaemon(bed);
    using theirs = new GrpcClient(node.containerd.address);
    using ours = new GrpcClient(daemon.address);
    for (const [name, script] of Object.entries({ ...SNAPSHOTS, ...CONTENT })) {
      await t.test(name, async () => {
        const [wanted, actual] = [new Peer(theirs, 'overlayfs'), new Peer(ours, 'lade')];
        await script(wanted);
        await script(actual);
        assert.deepEqual(actual.codes, wanted.codes.map(classified));
      });
    }
  });
}

/** What containerd has not classed is ours to class: all of it are arguments that cannot be used. */
function classified(line: string): string {
  return line.replace(/: unknown$/, ': invalid_argument');
}

const MANY = 10_000;
const AT_ONCE = 16;

test(`${MANY} snapshots are listed whole, found by name, and refused twice`, needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  await using daemon = await startDaemon(bed);
  using client = new GrpcClient(daemon.address);
  const { prepare, stat, list } = Snapshots.method;
  const keys = Array.from({ length: MANY }, (_, i) => `snapshot-${i}`);
  await forEachConcurrently(keys, AT_ONCE, async (key) => {
    await client.call(prepare, { key, labels: KEPT });
  });
  const listed: string[] = [];
  for await (const { info } of client.stream(list, {})) listed.push(...info.map(({ name }) => name));
  assert.deepEqual(listed.toSorted(), keys.toSorted());
  assert.equal((await client.call(stat, { key: 'snapshot-9999' })).info?.name, 'snapshot-9999');
  assert.equal(await client.call(prepare, { key: 'snapshot-5000' }).catch(codeOf), 'already_exists');
});

/** A daemon that no containerd knows: its garbage collection would take away what it did not make. */
async function startDaemon(bed: Testbed): Promise<AsyncDisposable & { readonly address: string }> {
  const folder = await bed.makeFolder('daemon');
  const address = join(folder, 'lade.sock');
  const daemon = await DaemonProcess.start({
    root: join(folder, 'lade'),
    address,
    bucketUrl: `file://${folder}/bucket`,
    containerd: join(folder, 'no-containerd.sock'),
    logFile: join(folder, 'log'),
    flags: ['--fill', 'full'],
  });
  return { address, [Symbol.asyncDispose]: async () => daemon[Symbol.asyncDispose]() };
}
