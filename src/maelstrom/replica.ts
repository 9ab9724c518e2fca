/** A member of Maelstrom's cluster: the node, on Maelstrom's network, and what it is asked. */
import { randomInt } from 'node:crypto';
import { createClock } from '../clock.ts';
import type { Operation } from '../command.ts';
import type { Reply } from '../http/service.ts';
import { Kv } from '../kv.ts';
import { Node } from '../node.ts';
import { addressOf } from '../raft/identity.ts';
import { lastIndex } from '../raft/log.ts';
import { fork } from '../raft/random.ts';
import type { RaftState, Role } from '../raft/types.ts';
import { Requests } from '../requests.ts';
import type { Storage } from '../storage/storage.ts';
import { Turns } from '../turns.ts';
import type { Body, Surroundings } from './message.ts';
import { messageIn, Network } from './network.ts';
import type { MaelstromSettings } from './settings.ts';

/** Who it is and who there is, as `init` says. */
export type Identity = { readonly id: string; readonly members: readonly string[] };

/** Most commands that share a log entry. */
const BATCH_COMMANDS = 256;
/** Most requests that wait; beyond it they are refused. */
const REQUESTS_MAX = 10_000;

export class Replica {
  readonly #surroundings: Surroundings;
  readonly #storage: Storage;
  readonly #node: Node;
  readonly #turns = new Turns(() => this.#node.flush());
  readonly #requests: Requests;
  #role: Role | null = null;

  constructor(
    { id, members }: Identity,
    { settings, requestTimeoutMs }: MaelstromSettings,
    storage: Storage,
    surroundings: Surroundings,
  ) {
    this.#surroundings = surroundings;
    this.#storage = storage;
    this.#requests = new Requests(() => this.#node, this.#turns.flushSoon, requestTimeoutMs);
    this.#node = new Node(
      {
        id,
        settings,
        configuration: { voters: members, outgoing: [], learners: [] },
        rng: fork(randomInt(2 ** 48 - 1), `node ${id}`),
        batchCommands: BATCH_COMMANDS,
        requestsMax: REQUESTS_MAX,
      },
      {
        clock: createClock(),
        storage,
        transport: new Network(surroundings.send),
        stateMachine: new Kv(),
        later: this.#turns.later,
        observe: (_input, _effects, state) => this.#observe(state),
        onFlaw: (from, flaw) => surroundings.log(`dropped a message of ${from}: ${flaw}`),
        onFailure: surroundings.fail,
      },
    );
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#node.start(resolve));
    const { log } = this.#node.state.persistent;
    this.#surroundings.log(`started with a log up to entry ${lastIndex(log)}`);
  }

  receive(body: Body): void {
    const message = messageIn(body);
    if (message === null) this.#surroundings.log('a damaged frame from a peer counts as lost');
    else this.#node.receive(message);
  }

  /** Who leads, as far as this server knows; that may be itself. */
  get leader(): string | null {
    const { leaderId } = this.#node.state.volatile;
    return leaderId === null ? null : addressOf(leaderId);
  }

  get leads(): boolean {
    return this.#node.state.role.kind === 'leader';
  }

  /** A read is linearizable here whoever leads (§6.4); a write is refused if another does. */
  execute(operation: Operation): Promise<Reply> {
    if (operation.kind === 'get') return this.#requests.read(operation.key, 'follower');
    return this.#requests.write(operation, null);
  }

  stop(): Promise<void> {
    this.#node.stop();
    this.#requests.stop();
    this.#turns.stop();
    return new Promise((resolve, reject) => {
      this.#storage.close((error) => (error === null ? resolve() : reject(error)));
    });
  }

  #observe({ persistent, role }: RaftState): void {
    this.#turns.flushSoon();
    if (role === this.#role) return;
    this.#role = role;
    this.#surroundings.log(`${role.kind} in term ${persistent.currentTerm}: ${role.reason}`);
  }
}
