/**
 * A cluster on a host while something is done to it: who plays which part, who runs, what its links
 * are set to, with clients at work and somebody watching who leads.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LinkSettings } from '../../src/transport/link.ts';
import { fieldsOf, type HttpAnswer, HttpLinks, type HttpRequest } from '../http/links.ts';
import { Load, type LoadVerdict } from '../http/load.ts';
import { Recorder } from '../http/recorder.ts';
import {
  type HostedServer,
  type QuorumHost,
  REQUEST_TIMEOUT_MS,
  type ServerAction,
} from './host.ts';
import { Probe } from './probe.ts';
import type { Role } from './scenario.ts';
import { Watch } from './watch.ts';

export type Standing = 'running' | 'stopped' | 'paused';

/** Settings of the links from one server to others, by their addresses. */
type Links = Map<string, Partial<LinkSettings>>;

const CLIENTS = 4;
const THINK_MS = 8;
const CONNECTIONS = 32;
/** Above the servers' own, so that their answers are heard. */
const CLIENT_TIMEOUT_MS = REQUEST_TIMEOUT_MS + 300;
const OPERATION_TIMEOUT_MS = 2500;
/** Clients write for so long before anything is done. */
const WARM_UP_MS = 500;
const FIRST_LEADER_MS = 20_000;
const CALL_TIMEOUT_MS = 2000;
/** A change of membership may wait for a server that catches up. */
const ADMINISTRATION_TIMEOUT_MS = 20_000;
const AGAIN_MS = 50;

export class Stage {
  readonly host: QuorumHost;
  readonly recorder = new Recorder();
  readonly links = new HttpLinks(CONNECTIONS);
  readonly probe = new Probe(this.links, this.recorder);
  readonly watch: Watch;
  readonly #load: Load;
  readonly #standings = new Map<string, Standing>();
  readonly #settings = new Map<string, Links>();
  readonly #roles = new Map<Role, string>();

  private constructor(host: QuorumHost, seed: number) {
    this.host = host;
    this.watch = new Watch(this.probe, () => this.running());
    this.#load = new Load({
      links: this.links,
      recorder: this.recorder,
      servers: () => host.servers(),
      clients: CLIENTS,
      seed,
      requestTimeoutMs: CLIENT_TIMEOUT_MS,
      operationTimeoutMs: OPERATION_TIMEOUT_MS,
      exactlyOnce: false,
      thinkMs: THINK_MS,
    });
  }

  /** A new cluster that serves, and clients at work on it. */
  static async open(host: QuorumHost, nodes: number, seed: number): Promise<Stage> {
    await host.start(nodes);
    const stage = new Stage(host, seed);
    try {
      for (const { id } of host.servers()) stage.#standings.set(id, 'running');
      await stage.#cast();
      await stage.watch.start();
    } catch (error) {
      await stage.#end();
      throw error;
    }
    stage.#load.start();
    // So that there is something that could be lost.
    await sleep(WARM_UP_MS);
    return stage;
  }

  // ---- Who is who -------------------------------------------------------------------------------

  server(id: string): HostedServer {
    const server = this.host.servers().find((each) => each.id === id);
    if (server === undefined) throw new Error(`${id} is not a server of this cluster`);
    return server;
  }

  async inRole(role: Role): Promise<HostedServer> {
    if (role === 'whoLeads') return this.#leader();
    if (role === 'whoFollows') return this.#follower();
    const id = this.#roles.get(role);
    if (id === undefined) throw new Error(`nobody is the ${role}`);
    return this.server(id);
  }

  inRoles(roles: readonly Role[]): Promise<HostedServer[]> {
    return Promise.all(roles.map((role) => this.inRole(role)));
  }

  standing(id: string): Standing {
    return this.#standings.get(id) ?? 'stopped';
  }

  running(): HostedServer[] {
    return this.host.servers().filter(({ id }) => this.standing(id) === 'running');
  }

  // ---- What is done to it -----------------------------------------------------------------------

  async act(action: ServerAction, id: string): Promise<void> {
    // Nobody is to be asked on its way down: a request that it never answers says nothing.
    if (action !== 'wipe' && action !== 'recover')
      this.#standings.set(id, action === 'pause' ? 'paused' : 'stopped');
    await this.host.act(action, id);
    if (action === 'start' || action === 'resume') this.#standings.set(id, 'running');
    // Settings of links live in the process.
    if (action === 'start') this.#settings.delete(id);
  }

  async add(): Promise<HostedServer> {
    const server = await this.host.addServer();
    this.#standings.set(server.id, 'running');
    this.#roles.set('newcomer', server.id);
    return server;
  }

  /** Adds to what the links are set to. */
  async setLinks(
    from: readonly HostedServer[],
    to: readonly HostedServer[],
    settings: Partial<LinkSettings>,
  ): Promise<void> {
    for (const server of from) {
      const links: Links = new Map(this.#settings.get(server.id));
      for (const { id, address } of to) {
        if (id !== server.id) links.set(address, { ...links.get(address), ...settings });
      }
      this.#settings.set(server.id, links);
    }
    await Promise.all(from.map((server) => this.#putLinks(server)));
  }

  async heal(): Promise<void> {
    const changed = [...this.#settings.keys()];
    this.#settings.clear();
    const running = this.running().filter(({ id }) => changed.includes(id));
    await Promise.all(running.map((server) => this.#putLinks(server)));
  }

  /** The body of `PUT /lab/faults` as the server has it now. */
  linksOf(id: string): HttpRequest {
    const links = Object.fromEntries(this.#settings.get(id) ?? []);
    return { method: 'PUT', path: '/lab/faults', body: { default: {}, links } };
  }

  call(server: HostedServer, request: HttpRequest): Promise<HttpAnswer> {
    return this.links.request(server.url, request, CALL_TIMEOUT_MS);
  }

  /** Asks whoever leads, until it is done or time is up; `null`, or why it was not done. */
  async administer(
    path: string,
    body: { readonly [name: string]: string },
  ): Promise<string | null> {
    const endMs = this.recorder.nowMs() + ADMINISTRATION_TIMEOUT_MS;
    for (;;) {
      const leader = await this.#leader();
      const request: HttpRequest = { method: 'POST', path, body };
      const leftMs = Math.max(1, endMs - this.recorder.nowMs());
      const answer = await this.links.request(leader.url, request, leftMs);
      if (answer.kind === 'answered' && answer.status === 200) return null;
      if (this.recorder.nowMs() + AGAIN_MS >= endMs) return answerText(answer);
      await sleep(AGAIN_MS);
    }
  }

  // ---- Its end ----------------------------------------------------------------------------------

  /** Whoever is not up, comes up; then what clients saw is judged. */
  async judge(): Promise<LoadVerdict> {
    await this.watch.stop();
    for (const { id } of this.host.servers()) {
      const standing = this.standing(id);
      if (standing !== 'running') await this.act(standing === 'paused' ? 'resume' : 'start', id);
    }
    await this.heal();
    return this.#load.judge();
  }

  async close(): Promise<void> {
    await this.watch.stop();
    await this.#load.stop();
    await this.#end();
  }

  async #end(): Promise<void> {
    await this.links.close();
    await this.host.clear();
  }

  /** Hands out the parts, once the cluster serves and everybody has heard of it. */
  async #cast(): Promise<void> {
    const servers = this.host.servers();
    const { writer, readers } = await this.probe.served(servers, FIRST_LEADER_MS);
    if (writer === null || readers.length < servers.length) {
      throw new Error(`the cluster of ${servers.length} did not serve in ${FIRST_LEADER_MS} ms`);
    }
    const leader = await this.#leader();
    const [follower, other] = servers.filter(({ id }) => id !== leader.id);
    this.#roles.set('leader', leader.id);
    if (follower !== undefined) this.#roles.set('follower', follower.id);
    if (other !== undefined) this.#roles.set('other', other.id);
  }

  /** Of those that say that they lead, the one of the latest term; others have not heard yet. */
  async #leader(): Promise<HostedServer> {
    const endMs = this.recorder.nowMs() + FIRST_LEADER_MS;
    while (this.recorder.nowMs() < endMs) {
      const found = await Promise.all(this.running().map((server) => this.probe.health(server)));
      const leading = found.filter((health) => health?.role === 'leader');
      leading.sort((a, b) => (b?.term ?? 0) - (a?.term ?? 0));
      const [latest] = leading;
      if (latest !== undefined && latest !== null) return this.server(latest.id);
      await sleep(AGAIN_MS);
    }
    throw new Error(`no server led within ${FIRST_LEADER_MS} ms`);
  }

  async #follower(): Promise<HostedServer> {
    const leader = await this.#leader();
    const follower = this.running().find(({ id }) => id !== leader.id);
    if (follower === undefined) throw new Error('nobody runs but the leader');
    return follower;
  }

  async #putLinks(server: HostedServer): Promise<void> {
    const answer = await this.call(server, this.linksOf(server.id));
    if (answer.kind === 'answered' && answer.status === 200) return;
    throw new Error(`${server.id} did not take its link settings: ${answerText(answer)}`);
  }
}

/** An answer in a few words. */
export function answerText(answer: HttpAnswer): string {
  if (answer.kind !== 'answered') return answer.reason;
  const { error, message } = fieldsOf(answer.body);
  const words = [error, message].filter((each) => typeof each === 'string').join(': ');
  return `status ${answer.status}${words === '' ? '' : ` ${words}`}`;
}
