/** Where a result comes from: the code, the machine, the command. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { type Manifest, SCHEMA_VERSION } from '../results.ts';

/** Code and machine as they are when a sweep starts; later changes are not part of it. */
export type Surroundings = Pick<Manifest, 'commit' | 'nodeVersion' | 'machine'>;

export function surroundings(projectDirectory: string): Surroundings {
  return {
    commit: commitOf(projectDirectory),
    nodeVersion: process.version,
    machine: {
      platform: process.platform,
      arch: process.arch,
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
  };
}

/** One line that two rows share exactly when they are comparable by code and machine. */
export function originOf({ commit, nodeVersion, machine }: Surroundings): string {
  const code = commit === null ? 'no commit' : `commit ${commit}`;
  return `${code}, Node ${nodeVersion}, ${machine.cpu} with ${machine.cores} cores`;
}

/** The manifest of a sweep that ends now. */
export function manifestOf(
  about: Pick<Manifest, 'experiment' | 'command' | 'seed' | 'startedAt'>,
  where: Surroundings,
): Manifest {
  return {
    schemaVersion: SCHEMA_VERSION,
    experiment: about.experiment,
    commit: where.commit,
    nodeVersion: where.nodeVersion,
    machine: where.machine,
    command: about.command,
    seed: about.seed,
    startedAt: about.startedAt,
    finishedAt: new Date().toISOString(),
  };
}

/** The commit checked out, `null` where git or a repository is missing. */
function commitOf(directory: string): string | null {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const commit = git('rev-parse', '--verify', 'HEAD');
    // Results are what sweeps write: they do not make the code another.
    const changes = git('status', '--porcelain', '--', '.', ':(exclude)results');
    return changes === '' ? commit : `${commit}-dirty`;
  } catch {
    return null;
  }
}
