/** The servers as processes of this machine, with data in a temporary directory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProcessCluster } from '../processes/cluster-processes.ts';
import { freePorts } from '../processes/ports.ts';
import type { ProcessMember } from '../processes/process-member.ts';
import {
  type HostedServer,
  type QuorumHost,
  RECOVERED,
  REQUEST_TIMEOUT_MS,
  type ServerAction,
  type ShownServer,
} from './host.ts';

/** Where `npm run cluster` puts its servers. */
const SHOWN_PORT = 8000;
/** What a process was at when the signal to stop came, it may still finish. */
const STANDSTILL_MS = 50;
/** Where it keeps the token. */
const TOKEN = 'CLUSTER_TOKEN_FILE=.data/token';
const LISTENS = (port: number): string => `$(lsof -t -i TCP:${port} -s TCP:LISTEN)`;

type Place = { readonly cluster: ProcessCluster; readonly directory: string };

export class ProcessHost implements QuorumHost {
  readonly name = 'processes';
  #place: Place | null = null;
  #nodes = 0;
  /** Whoever was recovered. */
  #recovered: string | null = null;

  servers(): readonly HostedServer[] {
    const members = this.#place?.cluster.members ?? [];
    return members.map(({ id, url }, i) => ({ id: `node${i + 1}`, address: id, url }));
  }

  async start(nodes: number): Promise<void> {
    const directory = await mkdtemp(join(tmpdir(), 'raft-quorum-'));
    const environment = {
      FAULTS: 'true',
      LOG_LEVEL: 'warn',
      REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS),
    };
    const cluster = new ProcessCluster({ dataDir: directory, environment });
    this.#place = { cluster, directory };
    this.#nodes = nodes;
    this.#recovered = null;
    cluster.addFirst(await freePorts(nodes));
    await cluster.start();
  }

  async act(action: ServerAction, id: string): Promise<void> {
    const member = this.#member(id);
    switch (action) {
      case 'stop':
        await member.stop();
        return;
      case 'kill':
        await member.kill();
        return;
      case 'start':
        return member.start();
      case 'pause':
        member.pause();
        await sleep(STANDSTILL_MS);
        return;
      case 'resume':
        return member.resume();
      case 'wipe':
        return member.wipe();
      case 'recover':
        await member.recoverAlone(RECOVERED);
        this.#recovered = id;
        for (const each of this.#opened.cluster.members) {
          each.tell({ CLUSTER_ID: RECOVERED, JOIN: String(each !== member) });
        }
        return;
    }
  }

  async addServer(): Promise<HostedServer> {
    const { cluster } = this.#opened;
    const taken = cluster.members.map(({ port }) => port);
    const [port = 0] = await freePorts(1, taken);
    await cluster.addWaiting(port).start();
    return this.servers().at(-1) as HostedServer;
  }

  shown(id: string): ShownServer {
    const port = shownPort(id);
    return { address: `127.0.0.1:${port}`, url: `http://localhost:${port}` };
  }

  startCommand(nodes: number): string {
    return `npm run cluster -- --nodes ${nodes} --faults &`;
  }

  addCommand(): string {
    const port = SHOWN_PORT + this.#nodes + 1;
    return `${TOKEN} NODE_ID=127.0.0.1:${port} PEERS= JOIN=true FAULTS=true npm run node &`;
  }

  commandFor(action: ServerAction, id: string): string {
    const port = shownPort(id);
    switch (action) {
      case 'stop':
        return `kill ${LISTENS(port)}`;
      case 'kill':
        return `kill -KILL ${LISTENS(port)}`;
      case 'pause':
        return `kill -STOP ${LISTENS(port)}`;
      case 'resume':
        return `kill -CONT ${LISTENS(port)}`;
      case 'wipe':
        return `rm -r .data/127.0.0.1_${port}`;
      case 'recover': {
        const flags = `--recover-alone --cluster-id ${RECOVERED}`;
        return `NODE_ID=127.0.0.1:${port} npm run node -- ${flags}`;
      }
      case 'start': {
        if (this.#recovered !== null) {
          const join = this.#recovered === id ? '' : 'JOIN=true ';
          const where = `CLUSTER_ID=${RECOVERED} NODE_ID=127.0.0.1:${port}`;
          return `${where} ${join}FAULTS=true npm run node &`;
        }
        const peers = Array.from({ length: this.#nodes }, (_, i) => SHOWN_PORT + i + 1)
          .filter((each) => each !== port)
          .map((each) => `127.0.0.1:${each}`);
        const members = `NODE_ID=127.0.0.1:${port} PEERS=${peers.join(',')}`;
        return `${TOKEN} ${members} FAULTS=true npm run node &`;
      }
    }
  }

  async clear(): Promise<void> {
    const place = this.#place;
    if (place === null) return;
    this.#place = null;
    await place.cluster.kill();
    await rm(place.directory, { recursive: true, force: true });
  }

  get #opened(): Place {
    if (this.#place === null) throw new Error('no cluster has been started');
    return this.#place;
  }

  #member(id: string): ProcessMember {
    const member = this.#opened.cluster.members[numberOf(id) - 1];
    if (member === undefined) throw new Error(`${id} is not a server of this cluster`);
    return member;
  }
}

function numberOf(id: string): number {
  return Number(id.slice('node'.length));
}

function shownPort(id: string): number {
  return SHOWN_PORT + numberOf(id);
}
