/** The token of a cluster on this machine: made at its first start, and kept beside its data. */
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TOKEN_BYTES = 32;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What the servers are to be told beside `given`; nothing where that has a token already. One more
 * server makes no token: if there is none, the cluster has none, or has it from elsewhere.
 */
export function tokenSettings(
  dataDir: string,
  isFirst: boolean,
  given: Environment,
): Readonly<Record<string, string>> {
  const { CLUSTER_TOKEN = '', CLUSTER_TOKEN_FILE = '' } = given;
  if (CLUSTER_TOKEN !== '' || CLUSTER_TOKEN_FILE !== '') return {};
  const file = join(dataDir, 'token');
  if (isFirst) makeToken(file);
  return existsSync(file) ? { CLUSTER_TOKEN_FILE: file } : {};
}

function makeToken(file: string): void {
  const token = `${randomBytes(TOKEN_BYTES).toString('hex')}\n`;
  try {
    // Nobody else on this machine is to read it.
    writeFileSync(file, token, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
