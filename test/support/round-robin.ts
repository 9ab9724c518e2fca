/** A balancer before servers: each connection goes to the next one in turn, byte for byte. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Balancer = { readonly port: number; close(): void };

/** `ports` are the servers'. */
export async function roundRobin(ports: readonly number[]): Promise<Balancer> {
  const sockets = new Set<Socket>();
  let next = 0;
  const balancer = createServer((client) => {
    const server = connect(ports[next++ % ports.length] ?? 0, '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => sockets.delete(socket));
      socket.pipe(other);
    }
  });
  balancer.listen(0, '127.0.0.1');
  await once(balancer, 'listening');
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    balancer.close();
  };
  return { port: (balancer.address() as AddressInfo).port, close };
}
