import { parseDigest, type Digest } from '@lade/oci';
import { flagField } from './fields.ts';
import { readBody } from './read-body.ts';
import type { Call, Route } from './route.ts';

export const layerRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/gc',
    access: 'token',
    async handle(platform, { request, signal }) {
      // Nobody should remove anything by leaving something out.
      const dryRun = flagField(await readBody(request), 'dryRun');
      return { document: await platform.collectGarbage({ dryRun }, { signal }) };
    },
  },
  {
    method: 'GET',
    path: '/v1/layers',
    access: 'open',
    handle: async (platform, { signal }) => ({ document: { layers: await platform.layers({ signal }) } }),
  },
  {
    method: 'GET',
    path: '/v1/layers/{diffId}',
    access: 'open',
    handle: async (platform, call) => ({ document: await platform.layerMap(diffIdOf(call), call) }),
  },
  {
    method: 'GET',
    path: '/v1/layers/{diffId}/files',
    access: 'open',
    handle: async (platform, call) => ({ events: platform.layerFiles(diffIdOf(call), call) }),
  },
  {
    method: 'GET',
    path: '/v1/layers/{diffId}/activity',
    access: 'open',
    handle: async (platform, call) => ({ events: platform.layerActivity(diffIdOf(call), call) }),
  },
  {
    method: 'GET',
    path: '/v1/layers/{diffId}/trace',
    access: 'open',
    handle: async (platform, call) => ({ document: await platform.trace(diffIdOf(call), call) }),
  },
  {
    method: 'GET',
    path: '/v1/snapshots',
    access: 'open',
    handle: async (platform) => ({ document: { snapshots: platform.snapshots() } }),
  },
];

function diffIdOf({ parameters: { diffId = '' } }: Call): Digest {
  return parseDigest(diffId);
}
