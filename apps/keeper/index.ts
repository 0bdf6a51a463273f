export { decodeKeeperMessage, encodeMessage, readMessages } from './messages.ts';
export type { Command, DaemonMessage, KeeperMessage } from './messages.ts';
export { spawnKeeper } from './spawn-keeper.ts';
