/**
 * TLS where servers are started and asked from here. They take it from their environment
 * (`TLS_CERT`, `TLS_KEY`, `TLS_CA`), and whoever asks them from here trusts the same authority.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { messageOf, UserError } from '../../src/user-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const SCRIPT = join(import.meta.dirname, '..', '..', 'scripts', 'throwaway-authority.sh');

const trusted = new Set<string>();

/** The file of the authority; `null` without TLS. */
export function authorityOf({ TLS_CA = '' }: Environment): string | null {
  return TLS_CA === '' ? null : TLS_CA;
}

/**
 * From now on this thread takes servers with its certificates for whom they say they are. A file
 * that cannot be read is left to the servers, which complain of it better.
 */
export function trustAuthority(file: string | null): void {
  if (file === null || trusted.has(file)) return;
  try {
    setDefaultCACertificates([...getCACertificates('default'), readFileSync(file, 'utf8')]);
    trusted.add(file);
  } catch {}
}

/** `http:` or `https:`, as servers in this environment have it. */
export function schemeIn(environment: Environment): string {
  const authority = authorityOf(environment);
  trustAuthority(authority);
  return authority === null ? 'http:' : 'https:';
}

/** Puts all servers that this process starts on TLS, by an authority that ends with it. */
export function useThrowawayAuthority(): void {
  const directory = mkdtempSync(join(tmpdir(), 'raft-tls-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  try {
    execFileSync(SCRIPT, [directory], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: Buffer | string };
    throw new UserError(`--tls: ${stderr.toString().trim() || messageOf(error)}`);
  }
  process.env.TLS_CERT = join(directory, 'server.crt');
  process.env.TLS_KEY = join(directory, 'server.key');
  process.env.TLS_CA = join(directory, 'ca.crt');
}
