import { setTimeout as sleep } from 'node:timers/promises';
import type { ImageSummary } from '@lade/control-protocol';
import type { SampleNode } from './sample-api.ts';
import { digestOf } from './sample-node.ts';

/** The input of a process that is attended. */
export interface Session {
  readonly type: (bytes: Buffer) => void;
}

/** A pull: of what the bucket knows at once, of everything else from a registry. */
export async function* pull(
  node: SampleNode,
  reference: string,
  signal: AbortSignal,
): AsyncGenerator<object> {
  const name = reference.includes('/') ? reference : `docker.io/library/${reference}`;
  if (name.endsWith(':missing')) {
    const error = {
      code: 'not_found',
      message: `Cannot pull ${name}: the registry does not know it`,
      cure: 'Check its name',
    };
    yield { kind: 'error', error };
    return;
  }
  const known = node.images.find((image) => image.name === name);
  const sizes = known?.layers.map(({ sizeBytes }) => sizeBytes) ?? [29_000_000, 12_000_000, 48_000_000];
  const layers = sizes.map((totalBytes, i) => ({
    position: {
      diffId: known?.layers[i]?.diffId ?? digestOf(`${name} ${i}`),
      number: i + 1,
      of: sizes.length,
    },
    totalBytes,
  }));
  if (!known) yield { kind: 'resolved', digest: digestOf(name), layers: sizes.length, source: 'registry' };
  for (const { position, totalBytes } of layers) {
    if (known) {
      yield { kind: 'fetching', ...position };
      await sleep(20, undefined, { signal });
    } else {
      for (let part = 0; part <= 8; part++) {
        yield { kind: 'downloading', ...position, bytes: Math.round((totalBytes * part) / 8), totalBytes };
        await sleep(40, undefined, { signal });
      }
      yield { kind: 'converting', ...position };
      await sleep(80, undefined, { signal });
    }
    yield { kind: 'present', ...position };
  }
  if (!known) node.images.push(newImage(name, layers));
  yield { kind: 'restored', name, digest: digestOf(name), layers: sizes.length };
}

function newImage(
  name: string,
  layers: readonly {
    readonly position: { readonly diffId: `sha256:${string}` };
    readonly totalBytes: number;
  }[],
): ImageSummary {
  return {
    name,
    digest: digestOf(name),
    platform: 'linux/amd64',
    publishedAt: new Date().toISOString(),
    inBucket: true,
    inContainerd: true,
    layers: layers.map(({ position: { diffId }, totalBytes }) => ({
      diffId,
      chainId: diffId,
      sizeBytes: totalBytes,
      here: true,
    })),
  };
}

export async function* containerEvents(signal: AbortSignal): AsyncGenerator<object> {
  const line = (text: string): object => ({
    kind: 'output',
    stream: text.includes('error') ? 'stderr' : 'stdout',
    data: Buffer.from(`${text}\n`).toString('base64'),
  });
  yield line('\u001b[32m/docker-entrypoint.sh: configuration complete; ready for start up\u001b[0m');
  yield line('2026/11/27 09:30:01 [notice] 1#1: nginx/1.29.3');
  yield line('2026/11/27 09:30:02 [error] 31#31: open() "/usr/share/nginx/html/favicon.ico" failed');
  for (let n = 1; !signal.aborted; n++) {
    yield line(`10.0.0.7 - - "GET /item/${n} HTTP/1.1" 200 ${n * 13}`);
    await sleep(700, undefined, { signal });
  }
}

export async function* runEvents(
  node: SampleNode,
  request: Record<string, unknown>,
  signal: AbortSignal,
): AsyncGenerator<object> {
  const id = typeof request['id'] === 'string' ? request['id'] : `c-${node.containers.length}`;
  yield { kind: 'created', id };
  await sleep(120, undefined, { signal });
  node.containers.unshift({
    id,
    namespace: String(request['namespace']),
    image: String(request['image']),
    snapshotter: 'lade',
    createdAt: new Date().toISOString(),
    state: 'running',
    pid: 5012,
    startedAt: new Date().toISOString(),
    startMs: 131.4,
    hasLogs: true,
    reads: { requests: 40, bytes: 3_100_000, waits: 12, waitMs: 61, filledBytes: 2_400_000 },
  });
  yield { kind: 'started', id, pid: 5012, ms: 131.4 };
  if (request['terminal'] === true) yield* attend(node, signal);
}

/** A shell that says what was typed, until it is told to exit. */
export async function* attend(node: SampleNode, signal: AbortSignal): AsyncGenerator<object> {
  const session = `s${node.sessions.size + 1}`;
  const typed: Buffer[] = [];
  let wake = (): void => {};
  node.sessions.set(session, {
    type: (bytes) => {
      typed.push(bytes);
      wake();
    },
  });
  const output = (text: string): object => ({
    kind: 'output',
    stream: 'stdout',
    data: Buffer.from(text).toString('base64'),
  });
  yield { kind: 'session', session };
  yield output('\u001b[1;36mroot@web\u001b[0m:/# ');
  let line = '';
  while (!signal.aborted) {
    if (typed.length === 0) {
      await Promise.race([
        new Promise<void>((resolve) => (wake = resolve)),
        sleep(60_000, undefined, { signal }),
      ]);
    }
    for (const bytes of typed.splice(0)) {
      for (const letter of bytes.toString('utf8')) {
        if (letter !== '\r') {
          line += letter;
          yield output(letter);
          continue;
        }
        if (line === 'exit') {
          yield { kind: 'exited', exitStatus: 0 };
          return;
        }
        yield output(`\r\nyou typed: ${line}\r\n\u001b[1;36mroot@web\u001b[0m:/# `);
        line = '';
      }
    }
  }
}
