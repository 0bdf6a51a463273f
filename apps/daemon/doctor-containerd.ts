import { ContainerdClient } from '@lade/containerd-client';
import { codeOf } from '@lade/errors';
import type { DiagnoseOptions, Outcome } from './doctor.ts';

const ANSWER_MS = 5_000;
const SNAPSHOTTER = { type: 'io.containerd.snapshotter.v1', id: 'lade' };
const DIFFER = { type: 'io.containerd.differ.v1', id: 'lade-diff' };
const NOT_NAMED: Outcome = {
  state: 'warning',
  found: 'no containerd is named',
  cure: 'Name its socket with --containerd',
};

/** Whether containerd answers, and what its version can do with us. */
export async function examineContainerd({ containerd: address }: DiagnoseOptions): Promise<Outcome> {
  if (address === undefined) return NOT_NAMED;
  using client = ContainerdClient.open({ address });
  try {
    const { version } = await client.version({ timeoutMs: ANSWER_MS });
    return judgeVersion(version, `containerd ${version} answers at ${address}`);
  } catch (reason) {
    if (!isUnreached(reason)) throw reason;
    return {
      state: 'failed',
      found: `none answers at ${address}`,
      cure: 'Start containerd, or name its socket with --containerd',
    };
  }
}

/** Whether containerd has loaded us. One that does not answer is the finding of another check. */
export async function examinePlugin({ containerd: address }: DiagnoseOptions): Promise<Outcome> {
  if (address === undefined) return NOT_NAMED;
  using client = ContainerdClient.open({ address });
  try {
    const { version } = await client.version({ timeoutMs: ANSWER_MS });
    return await judgePlugins(client, takesDiffer(version) ? [SNAPSHOTTER, DIFFER] : [SNAPSHOTTER]);
  } catch (reason) {
    if (!isUnreached(reason)) throw reason;
    return { state: 'warning', found: 'containerd does not answer', cure: 'Start containerd, and ask again' };
  }
}

function judgeVersion(version: string, found: string): Outcome {
  const [major, minor] = parse(version);
  if (major < 1 || (major === 1 && minor < 6)) {
    return { state: 'failed', found: `${found}; it is too old`, cure: 'Install containerd 1.7 or newer' };
  }
  if (takesDiffer(version)) return { state: 'ok', found };
  return {
    state: 'warning',
    found: `${found}; it takes no differ, so layers that the bucket lacks are unpacked first, and converted later`,
    cure: 'Install containerd 1.7 or newer',
  };
}

async function judgePlugins(
  client: ContainerdClient,
  wanted: readonly (typeof SNAPSHOTTER)[],
): Promise<Outcome> {
  const filters = wanted.map(({ type, id }) => `type==${type},id==${id}`);
  const plugins = await client.introspection.plugins(filters, { timeoutMs: ANSWER_MS });
  const broken = plugins.find(({ failure }) => failure !== undefined);
  if (broken) return notLoaded(`containerd could not load ${broken.id}: ${broken.failure}`);
  const missing = wanted.filter(
    ({ type, id }) => !plugins.some((plugin) => plugin.type === type && plugin.id === id),
  );
  if (missing.length > 0)
    return notLoaded(`containerd does not know ${missing.map(({ id }) => id).join(' and ')}`);
  return { state: 'ok', found: `containerd has loaded ${wanted.map(({ id }) => id).join(' and ')}` };
}

function notLoaded(found: string): Outcome {
  return {
    state: 'failed',
    found,
    cure: 'Import what lade install --print says into its configuration, start lade serve, and restart containerd',
  };
}

/** containerd 1.6 panics at the sight of a proxy plugin of type "diff". */
function takesDiffer(version: string): boolean {
  const [major, minor] = parse(version);
  return major > 1 || (major === 1 && minor >= 7);
}

/** "v2.1.9", "1.7.24~ds1" */
function parse(version: string): readonly [major: number, minor: number] {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return [Number(major ?? 0), Number(minor ?? 0)];
}

function isUnreached(reason: unknown): boolean {
  return ['unavailable', 'deadline_exceeded'].includes(codeOf(reason));
}
