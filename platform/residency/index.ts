export type { FillMode, FillTarget } from './fill-mode.ts';
export { Foreground } from './foreground.ts';
export { createFullMode } from './full-mode.ts';
export type { ErofsMounter } from './layer-mounts.ts';
export { LayerTable, type LayerRow } from './layer-table.ts';
export { LocalLayers, type LocalLayersOptions, type PinnedLayer } from './local-layers.ts';
export { RemoteLayers, type RemoteLayersOptions } from './remote-layers.ts';
export type { OnDemandFile, OnDemandFiles } from './on-demand-files.ts';
export { openResidency, type Residency, type ResidencyOptions } from './open-residency.ts';
