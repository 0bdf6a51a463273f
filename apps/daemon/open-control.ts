import { join } from 'node:path';
import { controlSocketPath } from '@lade/control-protocol';
import { serveControl } from '@lade/control-service';
import { History } from '@lade/history';
import { RegistryClient, dockerCredentials } from '@lade/registry-client';
import type { TaskStarts } from '@lade/starts';
import type { DaemonConfig } from './config.ts';
import { createContainerViews } from './container-views.ts';
import { createContainerWork } from './control-containers.ts';
import { createControlPlatform, type ControlParts } from './control-platform.ts';
import { openToken } from './control-token.ts';
import type { Observation } from './observe.ts';
import { openContainers } from './open-containers.ts';
import type { Platform } from './open-platform.ts';

/** What apps/console builds, and a browser runs; nothing of it is code of this process. */
const CONSOLE_FOLDER = join(import.meta.dirname, '../console/dist');

/** Serves the control API and the console until it is disposed. */
export async function openControl(
  config: DaemonConfig,
  platform: Platform,
  {
    starts,
    ...parts
  }: Pick<ControlParts, 'node' | 'events' | 'timings' | 'traces' | 'log'> &
    Pick<Observation, 'tellRegistry'> & { readonly starts: TaskStarts },
): Promise<AsyncDisposable> {
  const { root, address, registryConfig, proxies, tokenFile } = config;
  const { node, log } = parts;
  await using stack = new AsyncDisposableStack();
  const registries = stack.use(
    RegistryClient.open({
      credentials: dockerCredentials(registryConfig),
      proxies,
      tell: parts.tellRegistry,
    }),
  );
  const views = createContainerViews(platform, () => starts.groups);
  const containers = createContainerWork(stack.use(await openContainers(root, node, log)), views);
  const { past, requests, counters } = platform;
  const history = stack.use(new History({ table: past, requests: requests.counts, counters, log }));
  const http = config.http && { ...config.http, token: await openToken(tokenFile) };
  let consoleUrl: string | undefined;
  const given = { ...parts, containers, registries, history, consoleUrl: () => consoleUrl };
  const server = stack.use(
    await serveControl({
      socketPath: controlSocketPath(address),
      ...(http ? { http } : {}),
      consoleFolder: CONSOLE_FOLDER,
      platform: createControlPlatform(config, platform, given),
      log,
    }),
  );
  if (http) consoleUrl = `${server.address}/#token=${encodeURIComponent(http.token.value)}`;
  return stack.move();
}
