import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { OPERATIONS, assertAnswers } from '@lade/control-service/testing';

export interface Question {
  /** The parts of its path that are variable. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object | Uint8Array;
  /** Told each line of a stream; false ends it. */
  readonly line?: (line: Line) => Promise<boolean> | boolean;
}

/** A document, or a line of a stream. */
export type Line = Readonly<Record<string, unknown>>;

/** Asks a control API by the operations of openapi.yaml, and holds every answer against it. */
export interface ControlAsker {
  /** The document; the last line of a stream; undefined where there is no content, or text. */
  ask(operationId: string, question?: Question): Promise<Line | undefined>;
  /** The operations that were not asked yet. */
  unasked(): string[];
}

export function askControl(socketPath: string): ControlAsker {
  const asked = new Set<string>();
  return {
    async ask(operationId, { path = {}, query = {}, body, line = () => true } = {}) {
      const operation = OPERATIONS.find((each) => each.operationId === operationId);
      assert.ok(operation, operationId);
      asked.add(operationId);
      const filled = operation.path.replace(/\{(\w+)\}/g, (_, name: string) =>
        encodeURIComponent(path[name] ?? ''),
      );
      const target = `${filled}?${new URLSearchParams(query).toString()}`;
      const response = await send(socketPath, operation.method, target, body);
      const { statusCode = 0, headers } = response;
      if (statusCode === 204) {
        assert.ok('204' in operation.responses, operationId);
        response.resume();
        return undefined;
      }
      const type = String(headers['content-type']).split(';')[0] ?? '';
      if (type === 'text/plain') return void response.resume();
      let last: Line | undefined;
      for await (const text of createInterface(response)) {
        last = JSON.parse(text) as Line;
        assert.ok(statusCode === 200 && last['kind'] !== 'error', `${operationId}: ${text}`);
        assertAnswers(operation, type, last);
        if (!(await line(last))) break;
      }
      response.destroy();
      return last;
    },
    unasked: () => OPERATIONS.map(({ operationId }) => operationId).filter((id) => !asked.has(id)),
  };
}

async function send(
  socketPath: string,
  method: string,
  path: string,
  body: object | Uint8Array | undefined,
): Promise<IncomingMessage> {
  const type = body instanceof Uint8Array ? 'application/octet-stream' : 'application/json';
  const headers = body ? { 'content-type': type } : {};
  const asking = request({ socketPath, method, path, headers });
  asking.end(body instanceof Uint8Array || !body ? body : JSON.stringify(body));
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  return response;
}
