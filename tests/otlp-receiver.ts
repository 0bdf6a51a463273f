import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { BinaryReader } from '@bufbuild/protobuf/wire';

type Value = string | number | boolean;

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** '' of the first one of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, Value>>;
  /** 2: an error. */
  readonly status: number;
  /** The traces of other spans that have to do with it. */
  readonly links: readonly string[];
  /** Attributes of who has sent it. */
  readonly resource: Readonly<Record<string, Value>>;
}

/** The end of OTLP over HTTP that a collector has: takes what an exporter posts, as opentelemetry-proto 1.x defines it. */
export class OtlpReceiver implements AsyncDisposable {
  readonly #server = createServer();
  readonly spans: ReceivedSpan[] = [];
  headers: IncomingHttpHeaders = {};

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.#server.on('request', (request, response) => void receiver.#take(request, response));
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const isTraces = request.method === 'POST' && request.url === '/v1/traces';
    if (isTraces) this.spans.push(...decodeRequest(body));
    this.headers = request.headers;
    response.writeHead(isTraces ? 200 : 404, { 'content-type': 'application/x-protobuf' }).end();
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await this.#server[Symbol.asyncDispose]();
  }
}

type Fields = ReadonlyMap<number, readonly unknown[]>;

/** What each field of a message holds: numbers and byte strings. */
function readFields(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, unknown[]>();
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    const value = READ[wire]?.(reader) ?? reader.skip(wire);
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

/** By wire type: varints, 64 bits, what has a length. */
const READ: Readonly<Record<number, (reader: BinaryReader) => unknown>> = {
  0: (reader) => Number(reader.int64()),
  1: (reader) => BigInt(reader.fixed64()),
  2: (reader) => reader.bytes(),
};

function bytesOf(fields: Fields, field: number): Uint8Array {
  return (fields.get(field)?.[0] as Uint8Array | undefined) ?? new Uint8Array();
}

function messages(fields: Fields, field: number): Fields[] {
  return (fields.get(field) ?? []).map((bytes) => readFields(bytes as Uint8Array));
}

function hex(fields: Fields, field: number): string {
  return Buffer.from(bytesOf(fields, field)).toString('hex');
}

function text(fields: Fields, field: number): string {
  return Buffer.from(bytesOf(fields, field)).toString();
}

function decodeRequest(body: Uint8Array): ReceivedSpan[] {
  return messages(readFields(body), 1).flatMap((ofResource) => {
    const resource = attributesOf(messages(ofResource, 1)[0] ?? new Map(), 1);
    return messages(ofResource, 2).flatMap((ofScope) =>
      messages(ofScope, 2).map((span) => decodeSpan(span, resource)),
    );
  });
}

function decodeSpan(span: Fields, resource: ReceivedSpan['resource']): ReceivedSpan {
  return {
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    parentSpanId: hex(span, 4),
    name: text(span, 5),
    kind: Number(span.get(6)?.[0] ?? 0),
    startNs: (span.get(7)?.[0] ?? 0n) as bigint,
    endNs: (span.get(8)?.[0] ?? 0n) as bigint,
    attributes: attributesOf(span, 9),
    status: Number(messages(span, 15)[0]?.get(3)?.[0] ?? 0),
    links: messages(span, 13).map((link) => hex(link, 1)),
    resource,
  };
}

function attributesOf(fields: Fields, field: number): Readonly<Record<string, Value>> {
  return Object.fromEntries(
    messages(fields, field).map((pair) => [text(pair, 1), valueOf(readFields(bytesOf(pair, 2)))]),
  );
}

/** AnyValue: text, truth, whole number, other number. */
function valueOf(value: Fields): Value {
  if (value.has(1)) return text(value, 1);
  if (value.has(2)) return value.get(2)?.[0] === 1;
  if (value.has(3)) return Number(value.get(3)?.[0]);
  const bits = (value.get(4)?.[0] ?? 0n) as bigint;
  return new Float64Array(new BigUint64Array([bits]).buffer)[0] ?? 0;
}
