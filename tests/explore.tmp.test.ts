import { test } from 'node:test';
import { startOrigin, compareTrees, unmountBelow } from '@lade/sandbox';
import { ContainerdClient } from '@lade/containerd-client';
import { mount } from '@lade/linux';
import { Testbed, listObjects } from './testbed.ts';
const T = async <X>(n: string, f: () => Promise<X>) => {
  const t = performance.now();
  const r = await f();
  console.log(n, (performance.now() - t).toFixed(0) + ' ms');
  return r;
};
test('x', async (t) => {
  await using bed = await Testbed.open(t);
  const url = await T('bucket', () => bed.bucket('directory'));
  const node = await T('node', () => bed.node('n', url, '2.1'));
  const names = (process.env['IMAGES'] ?? 'odd,python,small-files,big-file').split(',');
  for (const name of names) {
    const image = await bed.image(name as never);
    await using origin = await startOrigin([image.layout]);
    const ref = `${origin.address}/${image.name}`;
    await T(name + ' pull overlay', () => node.containerd.pull(ref));
    await T(name + ' pull lade', () => node.containerd.pull(ref, { snapshotter: 'lade' }));
    await T(name + ' uploaded', () => node.uploaded());
    using client = ContainerdClient.open({ address: node.containerd.address });
    const chains: string[] = [];
    for await (const s of client.snapshots('lade').list())
      chains.push(s.labels['containerd.io/snapshot.ref'] ?? s.name);
    const over: string[] = [];
    for await (const s of client.snapshots('overlayfs').list()) over.push(s.name);
    console.log(chains, over);
    let i = 0;
    await client.withLease(async (leased) => {
      for (const chain of over) {
        const m = await bed.makeFolder(`m-${name}-${i++}`);
        const views: string[] = [];
        for (const s of ['overlayfs', 'lade']) {
          const target = await bed.makeFolder(`m-${name}-${i++}`);
          const mounts = await leased.snapshots(s).view(`v-${name}-${s}-${i}`, { parent: chain });
          if (process.env['SHOW']) console.log(mounts);
          for (const x of mounts) await mount({ ...x, target });
          views.push(target);
        }
        const d = await T('compare ' + chain.slice(0, 14), () => compareTrees(views[0]!, views[1]!));
        console.log(d.length, d.slice(0, 40).join('\n'));
        for (const v of views) await unmountBelow(v);
      }
    });
  }
  console.log((await listObjects(url)).length);
});
