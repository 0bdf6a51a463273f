import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a server that can be cut: at will, or after so many bytes. */
export interface UnsteadyLink extends AsyncDisposable {
  /** The server's URL, by way of this link. */
  readonly endpoint: string;
  /** Ends all connections, and takes no more. */
  cut(): void;
  /** Cuts once this many bytes have gone through, to or from the server. */
  cutAfter(bytes: number): void;
  repair(): void;
}

/** Opens a link to an HTTP server on loopback. */
export async function openLink(server: string): Promise<UnsteadyLink> {
  const { hostname, port } = new URL(server);
  const sockets = new Set<Socket>();
  let isUp = true;
  let budget = Infinity;
  const cut = (): void => {
    isUp = false;
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => {
      budget -= bytes.length;
      if (budget <= 0) cut();
    });
  };
  const listener = createServer((client) => {
    keep(client);
    if (!isUp) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    keep(upstream);
    client.pipe(upstream).pipe(client);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    cut,
    cutAfter(bytes) {
      budget = bytes;
    },
    repair() {
      isUp = true;
      budget = Infinity;
    },
    async [Symbol.asyncDispose]() {
      cut();
      listener.close();
      await once(listener, 'close');
    },
  };
}
