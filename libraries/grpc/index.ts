export { GrpcClient, type CallOptions } from './client.ts';
export type { CallContext, ServiceHandlers } from './handlers.ts';
export { GrpcServer, MAX_MESSAGE_BYTES } from './server.ts';
export type { AnsweredCall, CallWatch, StartedCall } from './watch-handler.ts';
