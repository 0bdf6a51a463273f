import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { answerFile, isFileRequest } from '@lade/control-service';
import { answer, createNode, type SampleNode } from './sample-api.ts';

/** A daemon in memory that plays services/control/openapi.yaml, and serves the built console. */
export interface ApiServer extends AsyncDisposable {
  readonly url: string;
  readonly node: SampleNode;
  /** What was asked for: method and path. */
  readonly requests: readonly string[];
}

const DIST = join(import.meta.dirname, '../dist');

export async function startApiServer(node: SampleNode = createNode(), port = 0): Promise<ApiServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (isFileRequest(request)) void answerFile(request, response, DIST);
    else void answerApi(node, request, response);
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  const { port: taken } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${taken}`,
    node,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answerApi(
  node: SampleNode,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const body = Buffer.concat(await request.toArray());
  const reply = answer(node, request, body, gone.signal);
  if (!('events' in reply)) {
    response.writeHead(reply.status, { 'content-type': 'application/json' });
    response.end(reply.status === 204 ? undefined : JSON.stringify(reply.document));
    return;
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  try {
    for await (const event of reply.events) response.write(`${JSON.stringify(event)}\n`);
  } catch (reason) {
    if (!gone.signal.aborted) throw reason;
  }
  response.end();
}
