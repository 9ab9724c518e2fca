/** Ports of this machine that nothing listens on. */
import { createServer } from 'node:net';

export const LOOPBACK = '127.0.0.1';
const PORT_MAX = 65_535;
const STEADY_PORTS = { low: 12_000, width: 18_000 };

/** Trying is the only test that holds: a port may be taken without anything that would answer. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)));
  });
}

/**
 * Free ports that differ from each other and from `taken`, for tests and experiments. They lie
 * below those that systems give to outgoing connections: while a server is down, nobody else gets
 * its port.
 */
export async function freePorts(count: number, taken: readonly number[] = []): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const from = STEADY_PORTS.low + Math.floor(Math.random() * STEADY_PORTS.width);
    const port = await nextFreePort(from, (each) => !taken.includes(each) && !ports.includes(each));
    if (port === null) throw new Error('this machine has no free port');
    ports.push(port);
  }
  return ports;
}

/** The first free port from `from` on that `suits`; `null` if there is none. */
export async function nextFreePort(
  from: number,
  suits: (port: number) => boolean,
): Promise<number | null> {
  for (let port = from; port <= PORT_MAX; port++) {
    if (suits(port) && (await isFree(port))) return port;
  }
  return null;
}
