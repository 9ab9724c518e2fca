/** A cluster of which nothing is known but URLs: what it is like is asked for through sockets. */
import { Seen } from './black-box-seen.ts';
import { type Answer, type Call, type CallOptions, createCaller } from './http-caller.ts';
import { until } from './http-wait.ts';

/** What only those who run the servers can do to them. Servers are named by their ids. */
export interface Hands {
  /** With its consent: it hands over, answers what it can, and ends. */
  stop(id: string): Promise<void>;
  kill(id: string): Promise<void>;
  /** One that does not run; resolves when it answers. */
  start(id: string): Promise<void>;
  /** Of a further server, which waits to be joined. */
  readonly waitingUrl: string;
}

export type OutsideServer = {
  readonly id: string;
  /** Its public one. */
  readonly url: string;
  readonly call: Call;
};

export type Roles = {
  readonly leader: OutsideServer;
  readonly followers: readonly [OutsideServer, OutsideServer];
};

export type Health = {
  readonly id: string;
  readonly role: string;
  readonly leader: string | null;
  readonly term: number;
  readonly commitIndex: number;
  readonly lastApplied: number;
  readonly lastLogIndex: number;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
};

export class BlackBoxCluster {
  readonly seen = new Seen();
  readonly servers: readonly OutsideServer[];
  readonly #hands: Hands | null;

  /** `urls` are those of its three members. */
  static async open(urls: readonly string[], hands: Hands | null): Promise<BlackBoxCluster> {
    const servers = await Promise.all(urls.map((url) => outsideServer(url)));
    return new BlackBoxCluster(servers, hands);
  }

  private constructor(servers: readonly OutsideServer[], hands: Hands | null) {
    this.servers = servers.map((server) => this.#recorded(server));
    this.#hands = hands;
  }

  /** Throws where nobody lends any. */
  get hands(): Hands {
    if (this.#hands === null) throw new Error('nobody can stop and start these servers');
    return this.#hands;
  }

  /** A server beside the three. */
  async other(url: string): Promise<OutsideServer> {
    return this.#recorded(await outsideServer(url));
  }

  /** Waits until all three are ready and agree who leads. */
  async roles(): Promise<Roles> {
    let leader: OutsideServer | undefined;
    await until('three servers that are ready and agree who leads', async () => {
      const found = await this.#agreed();
      leader = this.servers.find(({ id }) => id === found);
      return leader !== undefined;
    });
    const [first, second] = this.servers.filter((server) => server !== leader);
    if (leader === undefined || first === undefined || second === undefined) {
      throw new Error('expected three servers');
    }
    return { leader, followers: [first, second] };
  }

  /** What surely was not executed is asked again, wherever the leader is then. */
  async atLeader(method: string, path: string, options?: CallOptions): Promise<Answer> {
    for (let attempts = 0; ; attempts++) {
      const { leader } = await this.roles();
      const answer = await leader.call(method, path, options);
      const { error } = answer.body;
      if ((error !== 'not_leader' && error !== 'leader_unknown') || attempts === 3) return answer;
    }
  }

  async put(key: string, value: unknown): Promise<Answer> {
    return this.atLeader('POST', '/kv/put', { json: { key, value } });
  }

  #recorded(server: OutsideServer): OutsideServer {
    return { ...server, call: this.seen.recording(server.call) };
  }

  /** The leader's id; `null` if not all know it. */
  async #agreed(): Promise<string | null> {
    try {
      const all = await Promise.all(this.servers.map(healthOf));
      const ready = await Promise.all(this.servers.map(({ call }) => call('GET', '/ready')));
      const leads = all.find(({ role }) => role === 'leader');
      if (leads === undefined || ready.some(({ status }) => status !== 200)) return null;
      const agree = all.every(({ leader, term }) => leader === leads.id && term === leads.term);
      return agree ? leads.id : null;
    } catch {
      // One of them is not up yet.
      return null;
    }
  }
}

export async function healthOf({ call }: OutsideServer): Promise<Health> {
  const { body } = await call('GET', '/health');
  return body as unknown as Health;
}

async function outsideServer(url: string): Promise<OutsideServer> {
  const call = await createCaller(url);
  const { body } = await call('GET', '/health');
  return { id: String(body.id), url, call };
}
