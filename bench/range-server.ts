import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/*
 * A program that answers every GET of a range with those bytes of one object in memory, as fast as Node.js can, whoever
 * asks: as good to a bare client as to one that signs. Tells its port on standard output.
 *
 *   node range-server.ts SIZE_BYTES
 */
const bytes = Buffer.alloc(Number(process.argv[2]), 'lade');

/** Longer than a turn of the others takes: a connection closed for idleness may be one that a request is just sent over. */
const KEPT_MS = 600_000;

const server = createServer({ keepAliveTimeout: KEPT_MS }, (request, response) => {
  const [, first = '0', last = ''] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const body = bytes.subarray(Number(first), Number(last) + 1);
  response.writeHead(206, {
    'content-length': body.byteLength,
    'content-range': `bytes ${first}-${last}/${bytes.byteLength}`,
    'last-modified': 'Thu, 26 Nov 2026 00:00:00 GMT',
    etag: '"object"',
  });
  response.end(body);
});
await once(server.listen(0, '127.0.0.1'), 'listening');
process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
process.once('disconnect', () => process.exit());
