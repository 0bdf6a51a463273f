import { join } from 'node:path';
import { after } from 'node:test';
import { openDatabase } from '@lade/sqlite';
import { testSnapshotter } from './conformance.ts';
import { Snapshotter } from './snapshotter.ts';
import { PlainLayers, TAR_ATTRIBUTES } from './testing/plain-layers.ts';
import { NO_REMOTE } from './testing/test-bed.ts';

const databases = new DisposableStack();
after(() => databases.dispose());

testSnapshotter('the Snapshotter', async (root) =>
  Snapshotter.open({
    root,
    db: databases.adopt(openDatabase(join(root, 'state.db')), (db) => db.close()),
    layers: new PlainLayers(join(root, 'layers')),
    remote: NO_REMOTE,
    listener: { committed: () => undefined, unpacked: () => undefined },
    boot: 'a boot',
    attributes: TAR_ATTRIBUTES,
  }),
);
