export { prepareChromium, type Chromium } from './chromium.ts';
export { compareTrees } from './compare-trees.ts';
export {
  startContainerd,
  type Containerd,
  type ProgramResult,
  type StartContainerdOptions,
} from './containerd.ts';
export {
  openFaultyProxy,
  type Fault,
  type FaultyProxy,
  type ProxiedRequest,
  type RequestCounts,
} from './faulty-proxy.ts';
export {
  assembleImage,
  type AssembleOptions,
  type ImageRecipe,
  type LayerRecipe,
} from './images/assemble-image.ts';
export { buildImage, type BuildOptions, type BuiltImage } from './images/build-image.ts';
export { READY_COMMANDS, type ReadyImage } from './ready-commands.ts';
export { type ImageName } from './images/recipes.ts';
export {
  startDockerRegistry,
  type DockerRegistry,
  type StartDockerRegistryOptions,
} from './docker-registry.ts';
export { pushLayout } from './push-layout.ts';
export { startOrigin, type Origin, type OriginRequest } from './origin.ts';
export { unpackSet, type PackageSetName } from './packages.ts';
export { startRadosGateway, type RadosGateway } from './rados-gateway.ts';
export { startS3Server, type S3Server, type StartS3ServerOptions } from './s3-server.ts';
export { startObsStandIn, type ObsStandIn, type ObsStandInOptions } from './obs/obs-stand-in.ts';
export type { Key as ObsKey } from './obs/key.ts';
export type { ObsAction } from './obs/obs-action.ts';
export { startS3StandIn } from './s3-stand-in.ts';
export type { StandIn, StandInRequest } from './stand-in.ts';
export { readAgain, type ReadAgain } from './read-again.ts';
export { openSlowLink, type LinkTraffic, type SlowLink, type SlowLinkOptions } from './slow-link.ts';
export { findProcessesOf, killProcessesOf, mountPointsBelow, unmountBelow } from './sweep.ts';
export { sweepOnDeath } from './sweep-on-death.ts';
