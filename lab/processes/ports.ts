/** Ports of this machine that nothing listens on. */
import { createServer, type Server } from 'node:net';

export const LOOPBACK = '127.0.0.1';
const PORT_MAX = 65_535;
/**
 * Ports are given out in blocks. They lie below those that systems give to outgoing connections:
 * while a server is down, nobody else gets its port.
 */
const BLOCKS = { low: 12_000, ports: 20, count: 900 };

/** Of the blocks that this thread has claimed, the ports that it has not given out. */
const unused: number[] = [];

/** Trying is the only test that holds: a port may be taken without anything that would answer. */
export async function isFree(port: number): Promise<boolean> {
  const server = await listening(port);
  if (server === null) return false;
  await new Promise((closed) => server.close(closed));
  return true;
}

/** `null` if the port is taken. */
function listening(port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(null);
      else reject(error);
    });
    server.listen(port, LOOPBACK, () => resolve(server));
  });
}

/**
 * Free ports for tests and experiments, each given out once and none of `taken`. Others who ask for
 * some at the same time, in this process or another, get others, though nothing listens on them
 * yet.
 */
export async function freePorts(count: number, taken: readonly number[] = []): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = unused.shift();
    if (port === undefined) unused.push(...(await claimBlock()));
    else if (!taken.includes(port) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

/** Whoever listens on its first port has claimed a block, and holds it until this thread ends. */
async function claimBlock(): Promise<number[]> {
  const { low, ports, count } = BLOCKS;
  const start = Math.floor(Math.random() * count);
  for (let i = 0; i < count; i++) {
    const from = low + ports * ((start + i) % count);
    const server = await listening(from);
    if (server === null) continue;
    server.unref();
    return Array.from({ length: ports - 1 }, (_, at) => from + 1 + at);
  }
  throw new Error('this machine has no free port');
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
