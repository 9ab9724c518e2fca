/**
 * A small cluster over storages that answer late, with chance as its host: it says which message
 * arrives, which call of which storage is carried out or answered, who asks what, and who crashes.
 * A seed is a run; `runLateCluster` throws where the cluster broke a promise.
 */
import { lastIndex } from '../../src/raft/log.ts';
import { between, chance, fork, pick, type RandomState } from '../../src/raft/random.ts';
import type { Answer, Message, NodeId, Settings } from '../../src/raft/types.ts';
import { StorageError } from '../../src/storage/storage.ts';
import { LateRequests } from './late-requests.ts';
import { LateServer } from './late-server.ts';
import type { Call, CallKind } from './late-storage.ts';

const JOINER = 'n4';
const NOBODY = { voters: [], outgoing: [], learners: [] };
const EVENTS = 500;
const HEALING_EVENTS_MAX = 20_000;
/** The share of events that somebody wishes for, or fears. */
const TROUBLE = 0.15;
const MESSAGES_MAX = 60;
const REQUESTS_MAX = 6;
const READ_MODES = ['linearizable', 'lease', 'follower', 'stale'] as const;

type Operation = { readonly what: string; readonly server: LateServer; readonly life: number };
type Choice = readonly [weight: number, happen: () => void];

export type LateCounts = {
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  readonly read: number;
  installed: number;
  taken: number;
  crashes: number;
  diskFailures: number;
  changesDone: number;
  transfersDone: number;
};

class LateCluster {
  readonly #rng: RandomState;
  readonly #servers: readonly LateServer[];
  readonly #messages: Message[] = [];
  readonly #requests = new LateRequests();
  readonly #open = new Set<Operation>();
  /** By applied index: what all that have applied as much must hold. */
  readonly #digests = new Map<number, string>();
  readonly #checked = new Map<LateServer, number>();
  /** How likely a storage answers within the call, or earlier calls within a later one. */
  readonly #atOnce: number;
  readonly #meanwhile: number;
  readonly #loss: number;
  /** Calls that take longer than others. */
  readonly #slow: CallKind | null;
  #healing = false;
  #nowUs = 1_000_000;
  readonly counts = {
    installed: 0,
    taken: 0,
    crashes: 0,
    diskFailures: 0,
    changesDone: 0,
    transfersDone: 0,
  };

  constructor(seed: number) {
    const rng = fork(seed, 'late cluster');
    this.#rng = rng;
    this.#atOnce = pick(rng, [0, 0, 0.2, 0.9]);
    this.#meanwhile = pick(rng, [0, 0, 0.3]);
    this.#slow = pick(rng, [null, 'persist', 'persist', 'write', 'finish', 'read'] as const);
    this.#loss = pick(rng, [0, 0.05, 0.2]);
    const settings = drawSettings(rng);
    const voters = pick(rng, [
      ['n1', 'n2'],
      ['n1', 'n2', 'n3'],
    ]);
    const belongs = { voters, outgoing: [], learners: [] };
    this.#servers = [...voters, JOINER].map((id) => {
      const server = new LateServer({
        id,
        seed,
        settings,
        configuration: id === JOINER ? NOBODY : belongs,
        requestsMax: REQUESTS_MAX,
        batchCommands: 4,
        sliceBytes: 80,
        onCall: (call) => this.#onCall(server, call),
        readLength: (length) => (chance(rng, 0.5) ? length : Math.min(length, between(rng, 1, 90))),
      });
      server.onSend = (message) => this.#send(message);
      server.onStep = (input, effects) => {
        if (input.kind === 'snapshotSaved') this.counts.taken++;
        if (effects.some(({ kind }) => kind === 'install')) this.counts.installed++;
      };
      return server.start();
    });
  }

  run(): LateCounts {
    for (let event = 0; event < EVENTS; event++) this.#happen();
    this.#heal();
    for (let event = 0; !this.#isSettled(); event++) {
      if (event === HEALING_EVENTS_MAX) throw new Error(`it did not settle: ${this.#picture()}`);
      this.#happen();
    }
    this.#checkEnd();
    this.#requests.count();
    return { ...this.#requests.counts, ...this.counts };
  }

  // ---- Events -----------------------------------------------------------------------------------

  #happen(): void {
    this.#advance(between(this.#rng, 0, 800));
    const troubled = !this.#healing && chance(this.#rng, TROUBLE);
    const choices = troubled ? this.#trouble() : this.#ordinary();
    let left = between(
      this.#rng,
      1,
      choices.reduce((sum, [weight]) => sum + weight, 0),
    );
    for (const [weight, happen] of choices) {
      left -= weight;
      if (left > 0) continue;
      happen();
      break;
    }
    for (const server of this.#servers) this.#check(server);
  }

  #ordinary(): Choice[] {
    const calls = this.#up.flatMap((server) =>
      server.storage.calls.map((call) => ({ server, call })),
    );
    const waiting = this.#up.filter(({ later }) => later.length > 0);
    return [
      [8 * Math.min(12, this.#messages.length), () => this.#deliver()],
      [10 * Math.min(8, calls.length), () => this.#advanceCall(pick(this.#rng, calls))],
      [10 * waiting.length, () => this.#goOn(pick(this.#rng, waiting))],
      [2, () => this.#advance(Math.max(0, this.#nextTimerUs - this.#nowUs))],
    ];
  }

  #trouble(): Choice[] {
    const rng = this.#rng;
    const up = this.#up;
    const down = this.#servers.filter(({ isUp }) => !isUp);
    if (up.length === 0) return [[40, () => pick(rng, down).start()]];
    const leader = this.#leader;
    const server = leader !== null && chance(rng, 0.8) ? leader : pick(rng, up);
    return [
      [12, () => this.#requests.put(server, between(rng, 1, 3))],
      [8, () => this.#read(server)],
      [3, () => this.#takeSnapshot(pick(rng, up))],
      [2, () => this.#configure(server)],
      [1, () => this.#transfer(server)],
      [1, () => this.#crash(chance(rng, 0.5) ? server : pick(rng, up))],
      [down.length * 5, () => pick(rng, down).start()],
    ];
  }

  get #up(): LateServer[] {
    return this.#servers.filter(({ isUp }) => isUp);
  }

  get #nextTimerUs(): number {
    const timers = this.#up.map(({ timerUs }) => timerUs);
    const next = Math.min(...timers);
    return next === Number.POSITIVE_INFINITY ? this.#nowUs : next;
  }

  #advance(byUs: number): void {
    this.#nowUs += byUs;
    for (const server of this.#servers) {
      server.nowUs = this.#nowUs;
      if (server.isUp && server.timerUs <= this.#nowUs) server.fireTimer();
    }
  }

  #send(message: Message): void {
    if (this.#messages.length >= MESSAGES_MAX) {
      this.#messages.splice(between(this.#rng, 0, this.#messages.length - 1), 1);
    }
    this.#messages.push(message);
  }

  #deliver(): void {
    const rng = this.#rng;
    const at = between(rng, 0, this.#messages.length - 1);
    const message = this.#messages[at] as Message;
    if (this.#healing || !chance(rng, 0.05)) this.#messages.splice(at, 1);
    if (!this.#healing && chance(rng, this.#loss)) return;
    const server = this.#servers.find(({ id }) => id === message.to);
    server?.turn(() => server.node.receive(message));
  }

  #goOn(server: LateServer): void {
    const then = server.later.splice(between(this.#rng, 0, server.later.length - 1), 1)[0];
    if (then !== undefined) server.turn(then);
  }

  // ---- Storages ---------------------------------------------------------------------------------

  #advanceCall({ server, call }: { server: LateServer; call: Call }): void {
    const rng = this.#rng;
    if (call.kind === this.#slow && !this.#healing && chance(rng, 0.9)) return;
    if (!this.#healing && !call.isDone && chance(rng, 0.0015)) {
      this.#failCall(server, call);
      return;
    }
    if (call.isDone || chance(rng, 0.5)) server.turn(() => call.answer());
    else call.carryOut();
  }

  #onCall(server: LateServer, call: Call): void {
    const rng = this.#rng;
    if (server.isUp && chance(rng, this.#meanwhile)) {
      const [earlier] = server.storage.calls.filter((other) => other !== call);
      earlier?.answer();
    }
    if (server.storage.calls.includes(call) && chance(rng, this.#atOnce)) call.answer();
  }

  #failCall(server: LateServer, call: Call): void {
    const error = new StorageError(`${server.id}: no room`);
    server.turn(() => call.answer(error));
    if (server.failures.pop() !== error) throw new Error(`${server.id} ignored a failed disk`);
    this.counts.diskFailures++;
    this.#crash(server);
  }

  #crash(server: LateServer): void {
    const rng = this.#rng;
    server.storage.crash(
      () => chance(rng, 0.4),
      () => (chance(rng, 0.3) ? between(rng, 0, 99) / 100 : null),
    );
    this.#checkContract(server);
    server.goDown();
    this.#checked.delete(server);
    for (const operation of this.#open) {
      if (operation.server === server) this.#open.delete(operation);
    }
    this.counts.crashes++;
  }

  // ---- Requests ---------------------------------------------------------------------------------

  #read(server: LateServer): void {
    const { puts } = this.#requests;
    if (puts.length === 0) return;
    // The latest are those that something may yet become of.
    const from = chance(this.#rng, 0.5) ? 0 : Math.max(0, puts.length - 10);
    const put = puts[between(this.#rng, from, puts.length - 1)];
    if (put !== undefined) this.#requests.read(server, pick(this.#rng, READ_MODES), put);
  }

  #takeSnapshot(server: LateServer): void {
    server.turn(() => server.node.takeSnapshot());
  }

  #configure(server: LateServer): void {
    const rng = this.#rng;
    const roles = this.#servers.map(({ id }) => {
      const role = pick(rng, ['voter', 'voter', 'voter', 'learner', 'nobody']);
      return { id, role };
    });
    const named = (wanted: string): NodeId[] => {
      return roles.filter(({ role }) => role === wanted).map(({ id }) => id);
    };
    const membership = { voters: named('voter'), learners: named('learner') };
    const hear = this.#operation(server, 'change', () => this.counts.changesDone++);
    server.turn(() => server.node.configure(membership, chance(rng, 0.7), hear));
  }

  #transfer(server: LateServer): void {
    const to = pick(this.#rng, this.#servers).id;
    const hear = this.#operation(server, 'transfer', () => this.counts.transfersDone++);
    server.turn(() => server.node.transfer(to, hear));
  }

  #operation(server: LateServer, what: string, onDone: () => void): (answer: Answer) => void {
    const operation = { what, server, life: server.life };
    this.#open.add(operation);
    return (answer) => {
      if (!this.#open.delete(operation)) throw new Error(`a ${what} was answered once too often`);
      if (server.life !== operation.life) throw new Error(`a ${what} was answered after death`);
      if (answer.kind === 'done') onDone();
    };
  }

  // ---- Healing ----------------------------------------------------------------------------------

  /** Nothing is lost any more, and all are up. */
  #heal(): void {
    this.#healing = true;
    for (const server of this.#servers) if (!server.isUp) server.start();
  }

  get #leader(): LateServer | null {
    const leaders = this.#up.filter(({ raft }) => raft?.role.kind === 'leader');
    const term = (server: LateServer): number => server.raft?.persistent.currentTerm ?? 0;
    return leaders.sort((a, b) => term(b) - term(a))[0] ?? null;
  }

  /** Those that belong to the cluster as its leader knows it. */
  get #members(): LateServer[] {
    const { voters, learners } = this.#leader?.node.configuration ?? NOBODY;
    const ids: readonly NodeId[] = [...voters, ...learners];
    return this.#servers.filter(({ id }) => ids.includes(id));
  }

  #isSettled(): boolean {
    const raft = this.#leader?.raft;
    if (raft == null || raft.role.kind !== 'leader') return false;
    const { commitIndex } = raft.volatile;
    if (commitIndex < raft.role.termStartIndex) return false;
    if (commitIndex < lastIndex(raft.persistent.log) || raft.role.change !== null) return false;
    const members = this.#members;
    const equal = members.every(({ raft: other }) => {
      return other?.volatile.lastApplied === commitIndex && !other.volatile.takingSnapshot;
    });
    const idle = members.every(({ storage, later }) => storage.calls.length + later.length === 0);
    const told = [...this.#open].every(({ server }) => !members.includes(server));
    return equal && idle && told && this.#requests.isAnswered(members);
  }

  #checkEnd(): void {
    const members = this.#members;
    this.#requests.checkAnswered(members);
    for (const server of members) {
      this.#requests.checkContent(server.id, server.kv);
      this.#checkContract(server);
      this.#checkRoom(server);
    }
  }

  /** Every request has given back its place: exactly as many as may wait are taken. */
  #checkRoom(server: LateServer): void {
    const refused = this.#requests.overload(server, REQUESTS_MAX + 2);
    if (refused === 2) return;
    const room = REQUESTS_MAX + 2 - refused;
    throw new Error(`${server.id} has room for ${room} requests of ${REQUESTS_MAX}`);
  }

  // ---- Checks -----------------------------------------------------------------------------------

  #check(server: LateServer): void {
    const [failure] = server.failures;
    const [flaw] = server.flaws;
    if (flaw !== undefined) throw new Error(`${server.id} dropped what came from ${flaw}`);
    if (failure !== undefined) throw failure;
    const { raft } = server;
    if (raft === null) return;
    const { lastApplied } = raft.volatile;
    if (this.#checked.get(server) === lastApplied) return;
    this.#checked.set(server, lastApplied);
    const digest = server.kv.digest();
    const known = this.#digests.get(lastApplied);
    if (known === undefined) this.#digests.set(lastApplied, digest);
    else if (known !== digest) {
      throw new Error(`${server.id} holds ${digest} at entry ${lastApplied}, another ${known}`);
    }
  }

  #checkContract(server: LateServer): void {
    const [violation] = server.storage.violations;
    if (violation !== undefined) throw new Error(`${server.id} asked its storage: ${violation}`);
  }

  #picture(): string {
    return this.#servers
      .map(({ id, raft, storage, later }) => {
        const { role, volatile, persistent } = raft ?? {};
        const calls = storage.calls.map(({ kind }) => kind).join('+');
        const last = persistent === undefined ? '' : lastIndex(persistent.log);
        const progress =
          role?.kind === 'leader'
            ? role.progress.map((p) => `${p.id} ${p.state} ${p.matchIndex} ${p.active}`).join(', ')
            : '';
        const snapshot = persistent?.snapshot?.index;
        const receiving = JSON.stringify(volatile?.receiving ?? null);
        return (
          `\n${id}: ${role?.kind} term ${persistent?.currentTerm} last ${last} ` +
          `commit ${volatile?.commitIndex} applied ${volatile?.lastApplied} snapshot ${snapshot} ` +
          `receiving ${receiving} taking ${volatile?.takingSnapshot} calls ${calls} ` +
          `later ${later.length} leader ${volatile?.leaderId} ${progress}`
        );
      })
      .join('')
      .concat(
        `\nopen: ${[...this.#open].map(({ what, server }) => `${what} ${server.id}`).join()}`,
      );
  }
}

function drawSettings(rng: RandomState): Partial<Settings> {
  return {
    preVote: chance(rng, 0.5),
    leaderStickiness: true,
    clockDriftPpm: 0,
    parallelDiskWrite: chance(rng, 0.8),
    windowMessages: between(rng, 1, 4),
    batchEntries: between(rng, 1, 4),
    snapshotEntries: between(rng, 3, 15),
    snapshotBytes: pick(rng, [300, 1 << 20]),
    keptEntries: between(rng, 0, 3),
    chunkBytes: between(rng, 30, 400),
    uncommittedBytes: pick(rng, [200, 1 << 20]),
    catchUpTimeoutMs: 1000,
  };
}

/** Throws an error that says which promise was broken. */
export function runLateCluster(seed: number): LateCounts {
  return new LateCluster(seed).run();
}
