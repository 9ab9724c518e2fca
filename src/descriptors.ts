/**
 * File descriptors: a server that has none left cannot open a file of its own or reach a peer, and
 * connections would be closed unheard. So it takes no more connections than leave it some.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Logger } from 'pino';

/** For connections to peers, names to look up and files of the disk. */
const SPARE = 24;
const LOG_EVERY_MS = 60_000;

/** To be called when it listens: what is open by then stays open. */
export function limitConnections(server: Server, log: Logger): void {
  const connectionsMax = connectionsThatFit();
  if (connectionsMax !== null) server.maxConnections = connectionsMax;
  let loggedMs = Number.NEGATIVE_INFINITY;
  const refused = (details: object): void => {
    if (performance.now() - loggedMs < LOG_EVERY_MS) return;
    loggedMs = performance.now();
    log.warn(
      { connectionsMax, ...details },
      'connections are refused: too few file descriptors (ulimit -n); those it has go on',
    );
  };
  server.on('drop', () => refused({}));
  // Without a listener the server would end.
  server.on('error', (err) => refused({ err }));
}

/** `null` where the system does not tell, or sets no limit. */
function connectionsThatFit(): number | null {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.NaN);
    const open = readdirSync('/proc/self/fd').length;
    return Number.isNaN(limit) ? null : Math.max(1, limit - open - SPARE);
  } catch {
    return null;
  }
}
