/** One server, from its settings to its exit status. */
import { flushCompileCache } from 'node:module';
import { type Config, readConfig } from './config.ts';
import { createLogger } from './logger.ts';
import { recoverAlone } from './recover-alone.ts';
import { type Server, startServer } from './server.ts';
import { standardOutput } from './standard-output.ts';
import { stopSignal } from './stop-signals.ts';
import { DirectoryLost } from './storage/data-directory.ts';
import { DamageError, ExecutionError } from './storage/storage.ts';
import { messageOf, oneLine, UserError } from './user-error.ts';
import { ensureWritable } from './writable-directory.ts';

const COLUMNS = 80;

/** Resolves to the exit status. */
async function main(words: readonly string[]): Promise<number> {
  const request = readConfig(words, process.env, process.stdout.columns ?? COLUMNS);
  if (request.kind === 'help') {
    process.stdout.write(request.text);
    return 0;
  }
  if (request.kind === 'recoverAlone') {
    await recoverAlone(request, (line) => process.stdout.write(`${line}\n`));
    return 0;
  }
  const { config } = request;
  ensureWritable(config.dataDir, 'DATA_DIR');
  const { log, linesLost } = createLogger(config);
  const stopped = stopSignal();
  // Whoever cannot wait for a long log to be read may go: nothing has been promised yet.
  const server = await Promise.race([startServer(config, log, linesLost), stopped]);
  if (server === undefined) return 0;
  log.info({ host: config.host, port: server.port, dataDir: config.dataDir }, 'ready');
  // Now, as it may be killed.
  flushCompileCache();
  if (process.stdout.isTTY) greet(config, server);
  const failure = await Promise.race([server.failed, stopped]);
  if (failure === undefined) log.info('stops');
  else {
    log.fatal(failure, 'failed');
    complain(failure);
  }
  await server.stop().catch((error: unknown) => {
    // Next to a failure that came first it is of no use.
    if (failure === undefined) throw error;
  });
  log.info('stopped');
  return failure === undefined ? 0 : statusOf(failure);
}

/** The help has the list. */
function statusOf(error: unknown): number {
  if (error instanceof UserError) return 2;
  if (error instanceof DamageError || error instanceof ExecutionError) return 3;
  return error instanceof DirectoryLost ? 4 : 1;
}

function greet({ certificates, host, publicUrl }: Config, { port }: Server): void {
  const scheme = certificates === null ? 'http' : 'https';
  const url = publicUrl ?? `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  process.stdout.write(`ready: curl ${url}/health (Ctrl-C stops it)\n`);
}

function complain(error: unknown): void {
  process.stderr.write(`${oneLine(messageOf(error))}\n`);
}

// A terminal that goes away, or a full disk behind what is printed, does not end a server.
standardOutput();
try {
  // What is still open must not keep a process that has been told to end.
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  complain(error);
  process.exit(statusOf(error));
}
