/**
 * What a server does as a member: a node on its storage, under the name that its record gives it,
 * and the record of whom it has met. It outlives the node: a server that finds that it lost its
 * disk begins again, as one who waits to be joined.
 */
import { createClock } from './clock.ts';
import type { Config } from './config.ts';
import { Kv } from './kv.ts';
import {
  type Judgement,
  judgePeer,
  type KnownMembers,
  type MemberRecord,
  membersOf,
  parseKnownMembers,
  parseMemberRecord,
  remembered,
  waitingMember,
} from './member-record.ts';
import { Node } from './node.ts';
import { addressOf } from './raft/identity.ts';
import { configurationAt, lastIndex } from './raft/log.ts';
import { fork } from './raft/random.ts';
import type { NodeId, PlacedConfiguration, RaftState } from './raft/types.ts';
import type { Flaw } from './raft/validation.ts';
import { unreadable } from './storage/recovery.ts';
import type { SqliteStorage } from './storage/sqlite.ts';
import type { PeerIdentity, Purpose, Refusal } from './transport/handshake.ts';
import type { Transport } from './transport/transport.ts';
import type { Turns } from './turns.ts';

export type MemberHost = {
  readonly config: Config;
  readonly transport: Transport;
  readonly turns: Turns;
  readonly seed: number;
  /** After every step. */
  observe(state: RaftState): void;
  /** What a peer sent was dropped: no correct server sends it. */
  onFlaw(from: NodeId, flaw: Flaw): void;
  onFailure(error: Error): void;
};

/** Beyond it a server refuses requests rather than let everybody wait longer. */
const REQUESTS_MAX = 20_000;
/** The records of who a server is and of whom it has met. */
export const MEMBER = 'member';
const KNOWN = 'known';

/** A transport that a node may close without taking it from the next one. */
function lent(transport: Transport): Transport {
  return { send: (message) => transport.send(message), close: () => {} };
}

export class Member {
  readonly #host: MemberHost;
  readonly #storage: SqliteStorage;
  #record: MemberRecord;
  #known: KnownMembers;
  #node: Node;
  #kv = new Kv();
  #lives = 0;
  /** What is written of whom it met, one after the other. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    host: MemberHost,
    storage: SqliteStorage,
    record: MemberRecord,
    known: KnownMembers,
  ) {
    this.#host = host;
    this.#storage = storage;
    this.#record = record;
    this.#known = known;
    this.#node = this.#createNode();
  }

  /** `first` is who it is if its disk is blank. */
  static async open(
    host: MemberHost,
    storage: SqliteStorage,
    first: () => MemberRecord,
  ): Promise<Member> {
    const { record: stored, known } = await readMember(storage);
    const record = stored ?? first();
    if (stored === null) await writeRecord(storage, MEMBER, record);
    return new Member(host, storage, record, known);
  }

  get record(): MemberRecord {
    return this.#record;
  }

  get node(): Node {
    return this.#node;
  }

  get keys(): number {
    return this.#kv.size;
  }

  get sessions(): number {
    return this.#kv.sessionCount;
  }

  /** As a member, present or former. */
  hasMet(name: string): boolean {
    return this.#known[name] !== undefined;
  }

  /** One at this address has been met, or stands in a configuration that is still known. */
  wasMember(address: string): boolean {
    const { configurations } = this.#node.state.persistent.log;
    const known = [this.#record.configuration, ...configurations.map((at) => at.configuration)];
    const names = [...Object.keys(this.#known), ...known.flatMap(membersOf)];
    return names.some((name) => addressOf(name) === address);
  }

  /** Of the configurations that it knows, the last that is surely committed. */
  get committed(): PlacedConfiguration {
    const { persistent, volatile } = this.#node.state;
    return configurationAt(persistent.log, volatile.commitIndex);
  }

  /** It belongs to no configuration yet. */
  get isWaiting(): boolean {
    const { voters, learners } = this.#node.configuration;
    return voters.length === 0 && learners.length === 0;
  }

  start(): Promise<void> {
    return new Promise((resolve) => this.#node.start(resolve));
  }

  /** Lets a peer in, or says why not; a member that it meets first, it remembers before. */
  async judge(peer: PeerIdentity, purpose: Purpose): Promise<Refusal | null> {
    const judgement: Judgement = judgePeer(this.#record, this.#known, peer);
    if (judgement.kind === 'refused') return judgement.refusal;
    // Who is known from a moment ago is let in no sooner than that is durable.
    if (judgement.kind === 'accepted') return this.#writing.then(() => null);
    // Who only looks, or is looked at, has not been met: nothing passed between them. Of others
    // nobody need know: one who is to become a member is met as such when it is known to be one.
    if (purpose === 'visit' || !this.#belongs(peer.name)) return null;
    this.#known = remembered(this.#known, peer);
    const known = this.#known;
    this.#writing = this.#writing.then(() => writeRecord(this.#storage, KNOWN, known));
    await this.#writing;
    return null;
  }

  /**
   * A peer holds it for one who lost its disk. If that can be, it gives up the name under which it
   * may have voted and waits to be joined; true if it did. What it has promised since its start, it
   * promised under the name it gives up.
   */
  async beginAgain(): Promise<boolean> {
    const { clusterId, id, incarnation, name } = this.#record;
    if (name !== id || lastIndex(this.#node.state.persistent.log) > 0) return false;
    this.#node.stop();
    this.#record = waitingMember(clusterId, id, incarnation);
    // The name goes first: a crash must not leave it with a blank vote under the name it voted by.
    await writeRecord(this.#storage, MEMBER, this.#record);
    await new Promise<void>((resolve, reject) => {
      this.#storage.clear((error) => (error === null ? resolve() : reject(error)));
    });
    this.#kv = new Kv();
    const node = this.#createNode();
    await new Promise<void>((resolve) => node.start(resolve));
    this.#node = node;
    return true;
  }

  stop(): Promise<void> {
    this.#node.stop();
    return new Promise((resolve, reject) => {
      this.#storage.close((error) => (error === null ? resolve() : reject(error)));
    });
  }

  #belongs(name: NodeId): boolean {
    const { voters, outgoing, learners } = this.#node.configuration;
    const first = this.#record.configuration.voters;
    return [first, voters, outgoing, learners].some((members) => members.includes(name));
  }

  #createNode(): Node {
    const { config, transport, turns, seed, observe, onFlaw, onFailure } = this.#host;
    const { name, configuration } = this.#record;
    const rng = fork(seed, `node ${name} ${this.#lives++}`);
    const { settings, batchCommands } = config;
    return new Node(
      { id: name, settings, configuration, rng, batchCommands, requestsMax: REQUESTS_MAX },
      {
        clock: createClock(),
        storage: this.#storage,
        transport: lent(transport),
        stateMachine: this.#kv,
        later: turns.later,
        observe: (_input, _effects, state) => observe(state),
        onFlaw,
        onFailure,
      },
    );
  }
}

/** Who a data directory belongs to, `null` if it is blank, and whom that server has met. */
export async function readMember(
  storage: SqliteStorage,
): Promise<{ record: MemberRecord | null; known: KnownMembers }> {
  const record = await readRecord(storage, MEMBER, parseMemberRecord);
  const known = (await readRecord(storage, KNOWN, parseKnownMembers)) ?? {};
  return { record, known };
}

async function readRecord<T>(
  storage: SqliteStorage,
  name: string,
  parse: (text: string) => T,
): Promise<T | null> {
  const text = await new Promise<string | null>((resolve, reject) => {
    storage.readRecord(name, (error, found) => (error === null ? resolve(found) : reject(error)));
  });
  try {
    return text === null ? null : parse(text);
  } catch (error) {
    throw unreadable(`${storage.where}: the record '${name}' cannot be read`, error);
  }
}

function writeRecord(storage: SqliteStorage, name: string, record: object): Promise<void> {
  return new Promise((resolve, reject) => {
    storage.writeRecord(name, JSON.stringify(record), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}
