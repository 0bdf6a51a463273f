import type { Logger } from '@lade/log';
import { NodeBeat } from '@lade/nodes';
import type { DaemonConfig } from './config.ts';
import { nameNode } from './name-node.ts';
import type { Platform } from './open-platform.ts';
import { VERSION } from './version.ts';

/** Tells the bucket how this node is doing, from now on. */
export function startNodeBeat({ root }: DaemonConfig, platform: Platform, log: Logger): NodeBeat {
  const { bucket, requests, layers, uploads, content, fillMode } = platform;
  return new NodeBeat({
    bucket,
    requests,
    log,
    node: { name: nameNode(root), version: VERSION },
    figures() {
      const rows = layers.list();
      return {
        fillMode,
        layers: rows.length,
        diskBytes: rows.reduce((sum, { diskBytes }) => sum + diskBytes, 0),
        uploadsWaiting: uploads.status().waiting + content.uploads().waiting,
      };
    },
  });
}
