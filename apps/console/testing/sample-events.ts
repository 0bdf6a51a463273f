import type { DaemonEvent } from '@lade/control-protocol';
import { createRandom, digestOf } from './sample-node.ts';

const KINDS = [
  ['bucket.get', 'packs/', true],
  ['bucket.get', 'packs/', true],
  ['bucket.get', 'packs/', true],
  ['bucket.put', 'packs/', true],
  ['bucket.get', 'chains/', true],
  ['bucket.head', 'layers/', true],
  ['containerd.snapshots.prepare', '', false],
  ['containerd.snapshots.mounts', '', false],
  ['containerd.diff.apply', '', false],
  ['log.info', 'layer published ', true],
] as const;

/** An endless row of events as a node in use has them. */
export function createEvents(): () => DaemonEvent {
  const random = createRandom(11);
  let id = 0;
  return () => {
    id++;
    const [kind, folder, sized] = KINDS[Math.floor(random() * KINDS.length)] ?? KINDS[0];
    const failed = random() < 0.02;
    const name = digestOf(String(id % 97));
    const subject =
      folder === ''
        ? { name }
        : kind === 'log.info'
          ? { message: folder, diffId: name }
          : { key: `${folder}sha256/${name.slice(7)}` };
    return {
      id,
      time: new Date().toISOString(),
      kind,
      ...subject,
      ...(sized ? { bytes: Math.floor(random() * 9_000_000) } : {}),
      traceId: digestOf(`trace ${Math.floor(id / 8)}`).slice(7, 39),
      ms: Math.round(random() * 900) / 10,
      ...(failed ? { code: 'unavailable', message: 'Cannot read the object: the bucket answered 503' } : {}),
    };
  };
}
