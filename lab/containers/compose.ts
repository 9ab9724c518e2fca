/**
 * Docker and whichever compose this machine has: `docker compose`, or else the older
 * `docker-compose`. The variable COMPOSE names another.
 */
import { execFile } from 'node:child_process';
import { messageOf, oneLine, UserError } from '../../src/user-error.ts';

const ENGINE_LIMIT_MS = 15_000;
/** Building compiles a library. */
const COMMAND_LIMIT_MS = 15 * 60_000;
const OUTPUT_MAX_BYTES = 64 * 2 ** 20;

export class Compose {
  readonly #words: readonly string[];
  readonly #project: string;
  readonly #directory: string;

  private constructor(words: readonly string[], project: string, directory: string) {
    this.#words = words;
    this.#project = project;
    this.#directory = directory;
  }

  /** Throws a UserError where no engine or no compose answers. */
  static async find(project: string, directory: string): Promise<Compose> {
    try {
      await run(['docker', 'version', '--format', '{{.Server.Version}}'], '.', ENGINE_LIMIT_MS);
    } catch (error) {
      throw new UserError(
        `no Docker engine answers (${oneLine(messageOf(error))}); start one, or leave out ` +
          '--host docker to use processes',
      );
    }
    const named = process.env.COMPOSE?.trim() ?? '';
    const choices = named === '' ? ['docker compose', 'docker-compose'] : [named];
    for (const choice of choices) {
      const words = choice.split(/\s+/);
      try {
        await run([...words, 'version'], '.', ENGINE_LIMIT_MS);
        return new Compose(words, project, directory);
      } catch {
        // The next one may be there.
      }
    }
    throw new UserError(
      `no compose answers (tried ${choices.join(' and ')}); install Docker Compose, or name one ` +
        'in the variable COMPOSE',
    );
  }

  /** `environment` goes before this process's own. */
  run(
    files: readonly string[],
    words: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const flags = ['-p', this.#project, ...files.flatMap((file) => ['-f', file])];
    const all = [...this.#words, ...flags, ...words];
    return run(all, this.#directory, COMMAND_LIMIT_MS, environment);
  }
}

export function docker(...words: readonly string[]): Promise<string> {
  return run(['docker', ...words], '.', COMMAND_LIMIT_MS);
}

/** What it wrote to standard output; rejects with what it said went wrong. */
function run(
  words: readonly string[],
  directory: string,
  limitMs: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const [command = '', ...rest] = words;
  const env = { ...process.env, ...environment };
  const options = { cwd: directory, env, timeout: limitMs, maxBuffer: OUTPUT_MAX_BYTES };
  return new Promise((resolve, reject) => {
    execFile(command, rest, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout.trim());
      else {
        const said = tellingLine(stderr) ?? messageOf(error);
        reject(new Error(`${words.slice(0, 2).join(' ')} …: ${oneLine(said)}`));
      }
    });
  });
}

/** Of what was said, the first line that names a cause; else the last. */
function tellingLine(said: string): string | undefined {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /cannot|denied|failed|in use|no space/i.test(line)) ?? lines.at(-1);
}
