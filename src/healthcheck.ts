/**
 * Asks the server of its own container whether it lives: exit status 0 or 1. An image has neither
 * curl nor wget, and a command that Docker runs every few seconds should load as little as it can.
 */
const TIMEOUT_MS = 2500;

const { HOST = '127.0.0.1', PORT = '8000', TLS_CERT = '' } = process.env;
// To import it would load all that it exports, a client for load among it.
const { get } =
  TLS_CERT === '' ? process.getBuiltinModule('node:http') : process.getBuiltinModule('node:https');
// What listens on all addresses is asked at the nearest.
const host = HOST === '0.0.0.0' ? '127.0.0.1' : HOST === '::' ? '::1' : HOST;

function end(healthy: boolean, line: string): void {
  process.stdout.write(`${line}\n`);
  process.exit(healthy ? 0 : 1);
}

// Nothing is believed that comes from there, so it does not matter whose certificate it has.
const options = {
  host,
  port: PORT,
  path: '/health',
  timeout: TIMEOUT_MS,
  rejectUnauthorized: false,
};

get(options, (response) => {
  end(response.statusCode === 200, `/health answered ${response.statusCode}`);
})
  .on('timeout', () => end(false, `/health on port ${PORT} did not answer in ${TIMEOUT_MS} ms`))
  .on('error', (error) => end(false, `/health on port ${PORT}: ${error.message}`));
