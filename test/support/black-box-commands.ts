/** Servers that run somewhere already, and the commands that stop, kill and start them, if any. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BlackBoxCluster, type Hands } from './black-box-cluster.ts';
import { createCaller } from './http-caller.ts';
import { until } from './http-wait.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Each command is followed by the host of a server's id, which is its service's name. */
class Commands implements Hands {
  readonly waitingUrl: string;
  readonly #commands: Readonly<Record<'stop' | 'kill' | 'start', string>>;
  readonly #urls: ReadonlyMap<string, string>;

  constructor(environment: Environment, urls: ReadonlyMap<string, string>) {
    const named = (name: string): string => {
      const text = environment[name] ?? '';
      if (text === '') throw new Error(`CONTRACT_STOP is set: expected ${name} too, got nothing`);
      return text;
    };
    this.waitingUrl = named('CONTRACT_WAITING');
    this.#commands = {
      stop: named('CONTRACT_STOP'),
      kill: named('CONTRACT_KILL'),
      start: named('CONTRACT_START'),
    };
    this.#urls = urls;
  }

  stop(id: string): Promise<void> {
    return this.#run('stop', id);
  }

  kill(id: string): Promise<void> {
    return this.#run('kill', id);
  }

  async start(id: string): Promise<void> {
    await this.#run('start', id);
    await answering(this.#urls.get(id) ?? '');
  }

  async #run(what: 'stop' | 'kill' | 'start', id: string): Promise<void> {
    const [command = '', ...words] = this.#commands[what].trim().split(/\s+/);
    await promisify(execFile)(command, [...words, id.replace(/:\d+$/, '')]);
  }
}

/** Until a server that was started a moment ago listens. */
function answering(url: string): Promise<void> {
  return until(`${url} to answer`, () =>
    createCaller(url).then(
      () => true,
      () => false,
    ),
  );
}

/** `CONTRACT_URLS` has the public URLs of the three members, with commas. */
export async function openNamed(environment: Environment): Promise<BlackBoxCluster> {
  const urls = (environment.CONTRACT_URLS ?? '').split(',').map((url) => url.trim());
  await Promise.all(urls.map(answering));
  const found = await BlackBoxCluster.open(urls, null);
  if (!hasCommands(environment)) return found;
  const byId = new Map(found.servers.map(({ id, url }) => [id, url]));
  return BlackBoxCluster.open(urls, new Commands(environment, byId));
}

export function hasCommands({ CONTRACT_STOP = '' }: Environment): boolean {
  return CONTRACT_STOP !== '';
}
