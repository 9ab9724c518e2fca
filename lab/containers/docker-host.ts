/** The servers as containers, by the project's compose files, in a compose project of its own. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../src/user-error.ts';
import { HttpLinks } from '../http/links.ts';
import { isFree } from '../processes/ports.ts';
import {
  type HostedServer,
  type QuorumHost,
  RECOVERED,
  type ServerAction,
  type ShownServer,
} from '../quorum/host.ts';
import { Compose, docker } from './compose.ts';

const PROJECT_DIRECTORY = join(import.meta.dirname, '..', '..');
const PROJECT = 'raft-quorum';
const FILE = 'docker-compose.yml';
const FILE_OF_FIVE = 'docker-compose.five.yml';
const OWN_FILE = 'lab/containers/quorum.compose.yml';
/** What the compose files publish, behind this port. */
const PORT = 8000;
const FIVE = 5;
const RECOVER = (service: string): string[] => [
  ...['--rm', '--no-deps', service],
  ...['--recover-alone', '--cluster-id', RECOVERED],
];
const ANSWERS_LIMIT_MS = 30_000;
const ANSWERS_AGAIN_MS = 30;
const HEALTH_TIMEOUT_MS = 1000;

export class DockerHost implements QuorumHost {
  readonly name = 'docker';
  readonly #compose: Compose;
  readonly #links = new HttpLinks(1);
  /** By the names of services; a container that was removed has none. */
  readonly #containers = new Map<string, string>();
  #services: string[] = [];
  #nodes = 0;
  /** Variables of the shell that the compose files hand on. */
  #handedOn: Readonly<Record<string, string>> = {};

  private constructor(compose: Compose) {
    this.#compose = compose;
  }

  /** Builds the image; throws a UserError where no engine answers. */
  static async open(tell: (line: string) => void): Promise<DockerHost> {
    const compose = await Compose.find(PROJECT, PROJECT_DIRECTORY);
    const host = new DockerHost(compose);
    tell('building the image …');
    await compose.run([FILE, OWN_FILE], ['--profile', 'extra', 'build']);
    // What a run that was cut short has left.
    await host.#down();
    await checkPorts();
    return host;
  }

  servers(): readonly HostedServer[] {
    return this.#services.map((id) => ({
      id,
      address: `${id}:${PORT}`,
      url: `http://127.0.0.1:${publishedPort(id)}`,
    }));
  }

  async start(nodes: number): Promise<void> {
    this.#nodes = nodes;
    this.#handedOn = {};
    this.#services = Array.from({ length: nodes }, (_, i) => `node${i + 1}`);
    await this.#up(this.#services);
  }

  async act(action: ServerAction, id: string): Promise<void> {
    switch (action) {
      case 'stop':
      case 'kill':
      case 'pause':
        await docker(action, this.#container(id));
        return;
      case 'resume':
        await docker('unpause', this.#container(id));
        return;
      case 'start':
        if (!this.#containers.has(id)) return this.#up([id]);
        await docker('start', this.#container(id));
        return this.#answers(id);
      case 'wipe':
        await docker('rm', '--force', this.#container(id));
        await docker('volume', 'rm', volumeOf(id));
        this.#containers.delete(id);
        return;
      case 'recover':
        // The container keeps the variables that it was made with: the next start makes another.
        await docker('rm', '--force', this.#container(id));
        this.#containers.delete(id);
        await this.#compose.run(this.#files(), ['run', ...RECOVER(id)]);
        this.#handedOn = { CLUSTER_ID: RECOVERED };
        return;
    }
  }

  async addServer(): Promise<HostedServer> {
    const id = `node${this.#services.length + 1}`;
    this.#services.push(id);
    await this.#up([id]);
    return this.servers().at(-1) as HostedServer;
  }

  shown(id: string): ShownServer {
    return { address: `${id}:${PORT}`, url: `http://localhost:${publishedPort(id)}` };
  }

  startCommand(nodes: number): string {
    return `${composeFor(nodes)} up --build --detach`;
  }

  addCommand(): string {
    return `docker compose --profile extra up --detach node${this.#nodes + 1}`;
  }

  commandFor(action: ServerAction, id: string): string {
    switch (action) {
      case 'resume':
        return `docker compose unpause ${id}`;
      case 'wipe':
        return (
          `docker compose rm --stop --force ${id} && ` +
          `docker volume rm "$(docker volume ls -q --filter name=_${id}$)"`
        );
      case 'recover':
        return `${composeFor(this.#nodes)} run ${RECOVER(id).join(' ')}`;
      case 'start': {
        const variables = Object.entries(this.#handedOn).map(
          ([name, value]) => `${name}=${value} `,
        );
        // Not `start`, which knows nothing of a container that was removed.
        return `${variables.join('')}${composeFor(this.#nodes)} up --detach ${id}`;
      }
      default:
        return `docker compose ${action} ${id}`;
    }
  }

  async clear(): Promise<void> {
    this.#services = [];
    await this.#links.close();
    await this.#down();
  }

  async #up(services: readonly string[]): Promise<void> {
    const files = this.#files();
    const up = ['up', '--detach', '--no-deps', ...services];
    await this.#compose.run(files, up, this.#handedOn);
    await Promise.all(
      services.map(async (service) => {
        this.#containers.set(service, await this.#compose.run(files, ['ps', '-q', service]));
        await this.#answers(service);
      }),
    );
  }

  async #down(): Promise<void> {
    const containers = [...this.#containers.values()];
    this.#containers.clear();
    // Killed first: nobody waits for a server that a scenario has paused to stop by itself.
    if (containers.length > 0) await docker('rm', '--force', ...containers);
    const words = ['--profile', 'extra', 'down', '--volumes', '--remove-orphans', '--timeout', '1'];
    await this.#compose.run(this.#files(), words);
  }

  #files(): string[] {
    return [FILE, ...(this.#nodes === FIVE ? [FILE_OF_FIVE] : []), OWN_FILE];
  }

  #container(id: string): string {
    const container = this.#containers.get(id);
    if (container === undefined) throw new Error(`${id} has no container`);
    return container;
  }

  async #answers(id: string): Promise<void> {
    const url = `http://127.0.0.1:${publishedPort(id)}`;
    const endMs = performance.now() + ANSWERS_LIMIT_MS;
    for (;;) {
      const request = { method: 'GET', path: '/health' } as const;
      const answer = await this.#links.request(url, request, HEALTH_TIMEOUT_MS);
      if (answer.kind === 'answered' && answer.status === 200) return;
      if (performance.now() >= endMs) {
        throw new Error(`${id} did not answer within ${ANSWERS_LIMIT_MS / 1000} s`);
      }
      await sleep(ANSWERS_AGAIN_MS);
    }
  }
}

/** With the files and profiles of such a cluster; else `up` would make a server of another one. */
function composeFor(nodes: number): string {
  if (nodes !== FIVE) return 'docker compose';
  return `docker compose -f ${FILE} -f ${FILE_OF_FIVE} --profile extra`;
}

/** Engines tell it late, and each in its own words. */
async function checkPorts(): Promise<void> {
  for (let number = 1; number <= FIVE; number++) {
    const port = PORT + number;
    if (await isFree(port)) continue;
    throw new UserError(
      `port ${port} is in use, where ${FILE} publishes node${number}; stop what uses it`,
    );
  }
}

function publishedPort(id: string): number {
  return PORT + Number(id.slice('node'.length));
}

function volumeOf(id: string): string {
  return `${PROJECT}_${id}`;
}
