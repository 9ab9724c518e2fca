/**
 * What the clients of a run of late-cluster.ts have asked, what they were answered, and whether all
 * of it can be true: every put has a key of its own, so that a key stands or does not.
 */
import { RecordWriter } from '../../src/command.ts';
import type { Kv } from '../../src/kv.ts';
import type { Client, ClientReadMode } from '../../src/node.ts';
import type { LateServer } from './late-server.ts';
import { getBatch, putBatch } from './node-rig.ts';
import { resultsOf } from './records.ts';

type Put = {
  readonly key: string;
  /** `seen`: a read that is linearizable has found it. */
  outcome: 'open' | 'acknowledged' | 'refused' | 'unknown' | 'seen';
};

/** One request; `accept` judges its status. */
type Request = {
  readonly what: string;
  readonly server: LateServer;
  readonly life: number;
  answer: string | null;
  readonly accept: (status: string) => boolean;
};

const PUTS_OF_BATCH_MAX = 3;
/** Nothing came of a request that was answered so. */
const REFUSED = new Set(['notLeader', 'notExecuted', 'overloaded']);

export class LateRequests {
  /** By client and request number. */
  readonly #requests = new Map<string, Request>();
  readonly #puts: Put[] = [];
  #nextClient = 1;
  readonly counts = { acknowledged: 0, refused: 0, unknown: 0, read: 0 };

  get puts(): readonly Put[] {
    return this.#puts;
  }

  put(server: LateServer, count: number): void {
    const clientId = this.#nextClient++;
    const puts = Math.min(count, PUTS_OF_BATCH_MAX);
    for (let number = 1; number <= puts; number++) {
      const put: Put = { key: `${clientId}/${number}`, outcome: 'open' };
      this.#puts.push(put);
      this.#note(clientId, number, server, `put of ${put.key}`, (status) => hear(put, status));
    }
    server.turn(() => server.node.write(this.#client(), putBatch(clientId, 1, puts), puts));
  }

  read(server: LateServer, mode: ClientReadMode, put: Put): void {
    const clientId = this.#nextClient++;
    const { key, outcome } = put;
    const stale = mode === 'stale';
    this.#note(clientId, 1, server, `${mode} read of ${key}, ${outcome}`, (status) => {
      if (status === 'notLeader' || status === 'overloaded') return true;
      this.counts.read++;
      if (status === 'ok') {
        if (put.outcome === 'refused') return false;
        if (!stale && put.outcome !== 'acknowledged') put.outcome = 'seen';
        return true;
      }
      const mustBeThere = outcome === 'acknowledged' || outcome === 'seen';
      return status === 'notFound' && (stale || !mustBeThere);
    });
    server.turn(() => server.node.read(this.#client(), getBatch(clientId, 1, key), 1, mode));
  }

  /** Asks for so many reads in one turn; how many were refused, for there were too many. */
  overload(server: LateServer, count: number): number {
    let refused = 0;
    const clientId = this.#nextClient++;
    const client = this.#client();
    for (let number = 1; number <= count; number++) {
      this.#note(clientId, number, server, 'read beside many', (status) => {
        if (status === 'overloaded') refused++;
        return true;
      });
    }
    server.turn(() => {
      for (let number = 1; number <= count; number++) {
        server.node.read(client, getBatch(clientId, number, 'k'), 1, 'linearizable');
      }
    });
    return refused;
  }

  /** Throws if a request is open that its node, which lives, owes an answer. */
  checkAnswered(servers: readonly LateServer[]): void {
    for (const { what, server, life, answer } of this.#requests.values()) {
      if (answer !== null || !servers.includes(server) || server.life !== life) continue;
      throw new Error(`${server.id} never answered the ${what}`);
    }
  }

  isAnswered(servers: readonly LateServer[]): boolean {
    return [...this.#requests.values()].every(({ server, life, answer }) => {
      return answer !== null || !servers.includes(server) || server.life !== life;
    });
  }

  /** Throws if what was acknowledged is not there, or what was refused is. */
  checkContent(id: string, kv: Kv): void {
    for (const { key, outcome } of this.#puts) {
      const results = new RecordWriter();
      kv.query(getBatch(1, 1, key), results);
      const isThere = resultsOf(results.take())[0]?.status === 'ok';
      if (outcome === 'refused' && isThere) throw new Error(`${id} has the refused ${key}`);
      const promised = outcome === 'acknowledged' || outcome === 'seen';
      if (promised && !isThere) throw new Error(`${id} has lost ${key}, which was ${outcome}`);
    }
  }

  count(): void {
    for (const { outcome } of this.#puts) {
      if (outcome === 'acknowledged') this.counts.acknowledged++;
      if (outcome === 'refused') this.counts.refused++;
      if (outcome === 'unknown') this.counts.unknown++;
    }
  }

  #note(
    clientId: number,
    number: number,
    server: LateServer,
    what: string,
    accept: (status: string) => boolean,
  ): void {
    const { life } = server;
    this.#requests.set(`${clientId}/${number}`, { what, server, life, answer: null, accept });
  }

  #client(): Client {
    const results = new RecordWriter();
    return { results, deliver: () => this.#hear(results) };
  }

  #hear(results: RecordWriter): void {
    for (const { clientId, requestNumber, status } of resultsOf(results.take())) {
      const request = this.#requests.get(`${clientId}/${requestNumber}`);
      if (request === undefined) throw new Error(`an answer nobody asked for: ${clientId}`);
      const { what, server, life, answer } = request;
      if (answer !== null) throw new Error(`the ${what} was ${answer} and then ${status}`);
      if (server.life !== life) throw new Error(`the ${what} was answered after its node died`);
      request.answer = status;
      if (!request.accept(status)) throw new Error(`the ${what} was answered ${status}`);
    }
  }
}

function hear(put: Put, status: string): boolean {
  if (status === 'ok') {
    put.outcome = 'acknowledged';
    return true;
  }
  if (REFUSED.has(status)) {
    if (put.outcome === 'seen') return false;
    put.outcome = 'refused';
    return true;
  }
  if (put.outcome === 'open') put.outcome = 'unknown';
  return status === 'outcomeUnknown';
}
