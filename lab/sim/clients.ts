/**
 * The clients of a simulated cluster: each has its own sockets to all nodes, so that two of them
 * may take different nodes for the leader.
 */
import {
  COMMAND_KINDS,
  type Operation,
  OperationReader,
  RecordWriter,
  ResultReader,
  STATUSES,
  type Status,
} from '../../src/command.ts';
import type { Client, Node } from '../../src/node.ts';
import { addressOf } from '../../src/raft/identity.ts';
import type { NodeId } from '../../src/raft/types.ts';
import { decodeRequest, encodeResponse } from '../../src/transport/client-frame.ts';
import type { Checksum } from '../../src/transport/codec.ts';
import type { LinkSettings } from '../../src/transport/link.ts';
import type { Socket } from '../../src/transport/transport.ts';
import { ClusterClient } from '../client.ts';
import type { Outcome, ReadWay } from '../cluster.ts';
import type { Schedule } from '../schedule.ts';
import { ScheduledClients, type SingleClient } from '../scheduled-clients.ts';
import type { Events } from './events.ts';
import type { Member } from './member.ts';
import { linkName, type Network } from './network.ts';
import type { Tracer } from './tracer.ts';

/** How often requests are looked through for those to repeat or give up. */
const SWEEP_US = 20_000;
const NS_PER_US = 1000;
const RESULT_BUFFER_BYTES = 512;
const CODES = 32;
/** Those without a session have their numbers apart from each other. */
const ONCE_REQUESTS = 100_000;

const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The cluster that the clients use. */
export type Surroundings = {
  readonly members: ReadonlyMap<NodeId, Member>;
  readonly events: Events;
  readonly network: Network;
  readonly tracer: Tracer;
  /** A server has answered a request, and so many bytes of answers leave it together. */
  answered(member: Member, status: Status): void;
  delivered(member: Member, bytes: number): void;
  /** A server has answered what nobody waits for. */
  misanswered(member: Member, requestNumber: number): void;
};

/** What its end of a link is called. */
export function clientName(number: number): string {
  return `c${number}`;
}

/** Connects the clients of a schedule with all nodes. */
export function connectClients(
  { clients, clientLink }: Schedule,
  surroundings: Surroundings,
  checksum: Checksum,
): ScheduledClients {
  const { count, once: onceCount = 0, firstRequestNumber = 1, ...others } = clients;
  const connected = Array.from({ length: count }, (_, i) => {
    const once = i < onceCount;
    const settings = {
      ...others,
      clients: 1,
      firstClientId: i + 1,
      once,
      firstRequestNumber: once ? 1 + i * ONCE_REQUESTS : firstRequestNumber,
    };
    // Whoever asks once relies on its connection not to ask twice.
    const link = once ? { ...clientLink, duplicate: 0 } : clientLink;
    return new SimulatedClient(i, settings, surroundings, link, checksum);
  });
  return new ScheduledClients(connected, () => surroundings.events.nowUs * NS_PER_US);
}

class SimulatedClient implements SingleClient {
  readonly #number: number;
  readonly #name: string;
  readonly #client: ClusterClient;
  readonly #surroundings: Surroundings;
  readonly #checksum: Checksum;
  #sweeping = false;

  constructor(
    number: number,
    settings: ConstructorParameters<typeof ClusterClient>[0],
    surroundings: Surroundings,
    link: LinkSettings,
    checksum: Checksum,
  ) {
    const { events, members } = surroundings;
    this.#number = number;
    this.#name = clientName(number);
    this.#surroundings = surroundings;
    this.#checksum = checksum;
    this.#client = new ClusterClient(
      settings,
      () => events.nowUs,
      () => {},
      checksum,
    );
    const nodes = [...members.values()];
    // Each begins with another node.
    for (let i = 0; i < nodes.length; i++) {
      const member = nodes[(number + i) % nodes.length] as Member;
      this.#client.connect(member.id, this.#socket(member, link));
    }
  }

  get pendingCount(): number {
    return this.#client.pendingCount;
  }

  call(
    client: 0,
    operation: Operation,
    done: (outcome: Outcome, requestNumber: number, clientId: number) => void,
    read: ReadWay,
  ): void {
    const { tracer } = this.#surroundings;
    const how = read === 'linearizable' ? '' : ` (${read})`;
    const text = (): string => `${this.#name} ${describeOperation(operation)}${how}`;
    const code = this.#number * CODES;
    const { key, value, expected } = operation;
    const kind = COMMAND_KINDS.indexOf(operation.kind);
    tracer.noted(code * CODES + kind, [key, value, expected], () => `${text()} called`);
    const ended = (outcome: Outcome, requestNumber: number, clientId: number): void => {
      const found = outcome.kind === 'ok' ? outcome.result.value : null;
      const told = (): string => `${text()} -> ${describeOutcome(outcome)}`;
      tracer.noted((code + codeOf(outcome)) * CODES + CODES - 1, [found], told);
      done(outcome, requestNumber, clientId);
    };
    this.#client.call(client, operation, ended, read);
    this.#client.flush();
    this.#sweepSoon();
  }

  #sweepSoon(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#surroundings.events.after(SWEEP_US, () => {
      this.#sweeping = false;
      this.#client.sweep();
      this.#client.flush();
      if (this.#client.pendingCount > 0) this.#sweepSoon();
    });
  }

  /** The two ends of a connection, each over a link of its own. */
  #socket(member: Member, settings: LinkSettings): Socket {
    const { network } = this.#surroundings;
    const there = network.connect(linkName(this.#name, member.id), settings);
    const back = network.connect(linkName(member.id, this.#name), settings);
    const socket: Socket = {
      readyState: 1,
      bufferedAmount: 0,
      onmessage: null,
      send: (frame) => {
        network.send(there, frame.byteLength, there.settings, (bit) => {
          connection.request(flipped(frame, bit));
        });
      },
      close: () => {},
    };
    const connection = new Connection(member, this.#checksum, this.#surroundings, (frame) => {
      network.send(back, frame.byteLength, back.settings, (bit) => {
        socket.onmessage?.({ data: flipped(frame, bit) });
        this.#client.flush();
      });
    });
    return socket;
  }
}

/** The server's end of a connection; what a node has not answered dies with it. */
class Connection {
  readonly #member: Member;
  readonly #checksum: Checksum;
  readonly #surroundings: Surroundings;
  readonly #answer: (frame: Uint8Array<ArrayBuffer>) => void;
  /** Requests that the node has taken and not answered, each as often as it came. */
  #open = new Map<string, number>();
  #node: Node | null = null;
  #client: Client | null = null;

  constructor(
    member: Member,
    checksum: Checksum,
    surroundings: Surroundings,
    answer: (frame: Uint8Array<ArrayBuffer>) => void,
  ) {
    this.#member = member;
    this.#checksum = checksum;
    this.#surroundings = surroundings;
    this.#answer = answer;
  }

  /** A frame has reached the node, if it is up. */
  request(frame: Uint8Array): void {
    const request = decodeRequest(frame, this.#checksum);
    const { node } = this.#member;
    if (request === null || node === null) return;
    const client = this.#clientOf(node);
    this.#member.turn(() => {
      if (this.#member.node !== node) return;
      this.#takes(request.batch);
      if (request.kind === 'write') node.write(client, request.batch, request.count);
      else node.read(client, request.batch, request.count, request.mode);
    });
  }

  #clientOf(node: Node): Client {
    if (this.#client !== null && this.#node === node) return this.#client;
    const results = new RecordWriter(RESULT_BUFFER_BYTES);
    const deliver = (): void => {
      // While it reads its disk it knows nobody.
      const leaderId = this.#member.raft?.volatile.leaderId ?? null;
      const answers = results.take();
      this.#answers(answers);
      this.#answer(
        encodeResponse({ leaderId: addressed(leaderId), results: answers }, this.#checksum),
      );
    };
    this.#node = node;
    this.#open = new Map();
    this.#client = { results, deliver };
    return this.#client;
  }

  #takes(batch: Uint8Array): void {
    const request = new OperationReader(batch);
    while (request.next()) {
      const key = `${request.clientId} ${request.requestNumber}`;
      this.#open.set(key, (this.#open.get(key) ?? 0) + 1);
      this.#member.requestsOpen++;
    }
  }

  /** Every request that a live node has taken is answered once. */
  #answers(batch: Uint8Array): void {
    const answer = new ResultReader(batch);
    this.#surroundings.delivered(this.#member, batch.byteLength);
    while (answer.next()) {
      this.#surroundings.answered(this.#member, answer.status);
      const key = `${answer.clientId} ${answer.requestNumber}`;
      const times = this.#open.get(key) ?? 0;
      if (times === 0) this.#surroundings.misanswered(this.#member, answer.requestNumber);
      if (times > 1) this.#open.set(key, times - 1);
      else this.#open.delete(key);
      this.#member.requestsOpen--;
    }
  }
}

/** Clients know servers by their addresses. */
function addressed(leaderId: NodeId | null): string | null {
  return leaderId === null ? null : addressOf(leaderId);
}

/** Tells outcomes apart for the fingerprint; below CODES. */
function codeOf(outcome: Outcome): number {
  if (outcome.kind !== 'ok') return outcome.kind === 'fail' ? 1 : 2;
  return 3 + STATUSES.indexOf(outcome.result.status);
}

function describeOperation({ kind, key, value, expected }: Operation): string {
  const words = [kind, textOf(key)];
  if (kind === 'cas') words.push(textOf(expected));
  if (kind !== 'get' && kind !== 'delete') words.push(textOf(value));
  return words.join(' ');
}

function describeOutcome(outcome: Outcome): string {
  if (outcome.kind !== 'ok') return outcome.kind;
  const { status, value } = outcome.result;
  return value === null ? status : `${status} ${textOf(value)}`;
}

function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? 'absent' : textDecoder.decode(bytes);
}

function flipped(frame: Uint8Array<ArrayBuffer>, bit: number): Uint8Array<ArrayBuffer> {
  if (bit < 0) return frame;
  const damaged = frame.slice();
  const byte = Math.floor(bit / 8);
  damaged[byte] = (damaged[byte] as number) ^ (1 << (bit % 8));
  return damaged;
}
