/**
 * A server under Maelstrom: who says what to it, and what it answers. A request comes to any
 * server; who does not lead hands writes on to the leader, and reads as a follower.
 */
import type { Json } from '../canonical-json.ts';
import type { Storage } from '../storage/storage.ts';
import { HandOver, handedOn } from './hand-over.ts';
import { isRequest, operationOf, replyOf } from './lin-kv.ts';
import { type Body, errorBody, type Message, type Surroundings } from './message.ts';
import { type Identity, Replica } from './replica.ts';
import type { MaelstromSettings } from './settings.ts';

export type ServerHost = Omit<Surroundings, 'send'> & {
  readonly print: (message: Message) => void;
};

/** An id names a directory, and what follows a `#` in a member's name is its incarnation. */
const ID = /^\w[\w.-]*$/;

export class MaelstromServer {
  readonly #settings: MaelstromSettings;
  readonly #open: (id: string) => Promise<Storage>;
  readonly #surroundings: Surroundings;
  readonly #handOver: HandOver;
  /** Until it is told who it is, whoever it is spoken to as. */
  #id = '';
  #identity: Identity | null = null;
  /** Resolves once the storage is read back. */
  #starting: Promise<void> | null = null;
  #replica: Replica | null = null;
  readonly #answering = new Set<Promise<void>>();

  /** `open` opens the storage of the server of that id. */
  constructor(
    settings: MaelstromSettings,
    open: (id: string) => Promise<Storage>,
    { print, log, fail }: ServerHost,
  ) {
    this.#settings = settings;
    this.#open = open;
    const send = (dest: string, body: Body): void => print({ src: this.#id, dest, body });
    this.#surroundings = { send, log, fail };
    this.#handOver = new HandOver(send, settings.requestTimeoutMs);
  }

  receive({ src, dest, body }: Message): void {
    const { log } = this.#surroundings;
    if (this.#identity === null) this.#id = dest;
    if (dest !== this.#id) {
      log(`a message for ${dest} came to ${this.#id}: ignored`);
      return;
    }
    switch (body.type) {
      // What peers say before this server knows itself, and is read back, counts as lost.
      case 'raft':
        this.#replica?.receive(body);
        break;
      case 'forward':
        if (this.#replica !== null) this.#answerLater(this.#answerHandedOn(src, body));
        break;
      case 'forwarded':
        this.#handOver.hear(body);
        break;
      default:
        this.#hearClient(src, body);
    }
  }

  /** All requests so far are answered: at the latest when their time is over. */
  async settled(): Promise<void> {
    await Promise.all(this.#answering);
  }

  async stop(): Promise<void> {
    await this.#replica?.stop();
  }

  // ---- Clients ----------------------------------------------------------------------------------

  #hearClient(src: string, body: Body): void {
    const { msg_id: asked } = body;
    if (typeof asked !== 'number') {
      this.#surroundings.log(`a ${body.type} from ${src} without "msg_id" cannot be answered`);
      return;
    }
    this.#answerLater(
      this.#answer(body).then((reply) => {
        this.#surroundings.send(src, { ...reply, in_reply_to: asked });
      }),
    );
  }

  /** What goes wrong on the way, as a storage that cannot be opened, is the server's end. */
  #answerLater(answer: Promise<void>): void {
    const answering = answer
      .catch((error) => this.#surroundings.fail(error))
      .finally(() => this.#answering.delete(answering));
    this.#answering.add(answering);
  }

  async #answer(body: Body): Promise<Body> {
    if (body.type === 'init') return this.#initialise(body);
    if (!isRequest(body)) return errorBody('notSupported', `there is no request ${body.type}`);
    const operation = operationOf(body);
    if ('lacks' in operation) return errorBody('malformedRequest', operation.lacks);
    await this.#starting;
    const replica = this.#replica;
    if (replica === null) return errorBody('temporarilyUnavailable', 'no init has come yet');
    if (operation.kind === 'get' || replica.leads) {
      return replyOf(operation, await replica.execute(operation));
    }
    const { leader } = replica;
    if (leader === null) return errorBody('temporarilyUnavailable', 'no leader is known');
    return this.#handOver.ask(leader, body);
  }

  /** Whoever does not lead any more refuses, so that nothing goes round in circles. */
  async #answerHandedOn(src: string, body: Body): Promise<void> {
    const handed = handedOn(body);
    const operation = handed === null ? null : operationOf(handed.request);
    if (handed === null || operation === null || 'lacks' in operation || this.#replica === null) {
      this.#surroundings.log(`what ${src} handed on is no request: ignored`);
      return;
    }
    const reply = replyOf(operation, await this.#replica.execute(operation));
    this.#surroundings.send(src, { ...handed.answer, reply });
  }

  // ---- Init -------------------------------------------------------------------------------------

  /** Asked again it says the same. */
  async #initialise({ node_id: id, node_ids: members }: Body): Promise<Body> {
    const identity = identityOf(id, members);
    if (identity === null) {
      return errorBody('malformedRequest', 'init needs "node_ids", and a "node_id" among them');
    }
    this.#identity ??= identity;
    this.#id = this.#identity.id;
    if (!isSame(this.#identity, identity)) {
      return errorBody('malformedRequest', `this is ${this.#id} already`);
    }
    this.#starting ??= this.#start(identity);
    await this.#starting;
    return { type: 'init_ok' };
  }

  async #start(identity: Identity): Promise<void> {
    const storage = await this.#open(identity.id);
    const replica = new Replica(identity, this.#settings, storage, this.#surroundings);
    await replica.start();
    this.#replica = replica;
  }
}

function identityOf(id: Json | undefined, members: Json | undefined): Identity | null {
  if (typeof id !== 'string' || !ID.test(id) || !Array.isArray(members)) return null;
  const known = members.filter((member) => typeof member === 'string');
  if (known.length < members.length || new Set(known).size < known.length) return null;
  return known.includes(id) ? { id, members: known } : null;
}

function isSame(a: Identity, b: Identity): boolean {
  return a.id === b.id && a.members.join() === b.members.join();
}
