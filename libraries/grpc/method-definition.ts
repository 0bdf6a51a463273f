import {
  create,
  fromBinary,
  toBinary,
  type DescMethod,
  type DescService,
  type MessageInitShape,
} from '@bufbuild/protobuf';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { DescMessage } from '@bufbuild/protobuf';

type AnyInit = MessageInitShape<DescMessage>;
export type AnyMethod = MethodDefinition<AnyInit, AnyInit>;

/** A generated service, as grpc-js wants it, by the method names of the generated code. */
export function toServiceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.localName, toMethodDefinition(method)]));
}

/** Both sides take message initialisers, so that callers need not create messages. */
export function toMethodDefinition(method: DescMethod): AnyMethod {
  const { input, output, parent, name, methodKind } = method;
  return {
    path: `/${parent.typeName}/${name}`,
    requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    requestSerialize: (message) => encode(input, message),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (message) => encode(output, message),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

function encode(schema: DescMessage, message: AnyInit): Buffer {
  const bytes = toBinary(schema, create(schema, message));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
