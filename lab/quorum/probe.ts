/**
 * Whether servers serve: each is asked by itself, without following it elsewhere. What is asked is
 * part of the history, on keys of its own.
 */
import type { HttpServer } from '../http/kv-client.ts';
import { fieldsOf, type HttpLinks } from '../http/links.ts';
import { historyOf, type KvRequest, type Outcome, outcomeOf, requestOf } from '../http/outcome.ts';
import type { Recorder } from '../http/recorder.ts';
import type { HostedServer } from './host.ts';

export type Serving = {
  /** Whoever acknowledged the first write. */
  readonly writer: string | null;
  /** Whoever served a linearizable read itself. */
  readonly readers: readonly string[];
  /** Until the first write was acknowledged, and until the last reader had served. */
  readonly writeAfterMs: number | null;
  readonly readsAfterMs: number | null;
};

export type Health = {
  readonly id: string;
  readonly role: string;
  readonly term: number;
  readonly commitIndex: number;
  readonly lastApplied: number;
};

/** Behind the clients of the load and its readers, who count from 0. */
const PROBE_CLIENT = 100;
const AGAIN_MS = 20;
/** A server has given its own answer by then. */
const REQUEST_TIMEOUT_MS = 1500;
const HEALTH_TIMEOUT_MS = 1000;
/** Longer than two election timeouts: whoever could come to lead, would. */
const UNSERVED_WINDOW_MS = 1200;

export class Probe {
  readonly #links: HttpLinks;
  readonly #recorder: Recorder;
  #number = 0;

  constructor(links: HttpLinks, recorder: Recorder) {
    this.#links = links;
    this.#recorder = recorder;
  }

  /** Asks until one of them acknowledges a write and then each serves a read, or time is up. */
  async served(at: readonly HostedServer[], deadlineMs: number): Promise<Serving> {
    const beganMs = this.#recorder.nowMs();
    const endMs = beganMs + deadlineMs;
    const key = this.#key();
    const written = await this.#write(at, key, endMs);
    if (written === null) return NOT_SERVED;
    const writeAfterMs = this.#recorder.nowMs() - beganMs;
    const readers = await this.#read(at, key, endMs);
    const all = readers.length === at.length;
    const readsAfterMs = all ? this.#recorder.nowMs() - beganMs : null;
    return { writer: written, readers, writeAfterMs, readsAfterMs };
  }

  /** What was served after all, in sentences: none is as it should be. */
  async unserved(at: readonly HostedServer[]): Promise<string[]> {
    const endMs = this.#recorder.nowMs() + UNSERVED_WINDOW_MS;
    const found = at.flatMap((server) => [
      this.#until(endMs, async (leftMs) => {
        const key = this.#key();
        const outcome = await this.#attempt(server, { op: 'put', key, value: key }, leftMs);
        return outcome.kind === 'executed' ? `${server.id} acknowledged a write` : null;
      }),
      this.#until(endMs, async (leftMs) => {
        const read = { op: 'get', key: 'probe' } as const;
        const outcome = await this.#attempt(server, read, leftMs, '&at=follower');
        return outcome.kind === 'executed' ? `${server.id} served a linearizable read` : null;
      }),
    ]);
    return (await Promise.all(found)).filter((sentence) => sentence !== null);
  }

  /** `null`: no answer. */
  async health({ id, url }: HttpServer & { readonly id: string }): Promise<Health | null> {
    const request = { method: 'GET', path: '/health' } as const;
    const answer = await this.#links.request(url, request, HEALTH_TIMEOUT_MS);
    if (answer.kind !== 'answered') return null;
    const { role, term, commitIndex, lastApplied } = fieldsOf(answer.body);
    return {
      id,
      role: String(role),
      term: Number(term),
      commitIndex: Number(commitIndex),
      lastApplied: Number(lastApplied),
    };
  }

  /** How long it took until each has applied what is committed now; `null` if time was up. */
  async caughtUp(
    who: readonly HostedServer[],
    running: readonly HostedServer[],
    deadlineMs: number,
  ): Promise<number | null> {
    const beganMs = this.#recorder.nowMs();
    const now = await Promise.all(running.map((server) => this.health(server)));
    const target = Math.max(0, ...now.map((health) => health?.commitIndex ?? 0));
    const each = who.map((server) =>
      this.#until(beganMs + deadlineMs, async () => {
        const health = await this.health(server);
        return health !== null && health.lastApplied >= target ? health : null;
      }),
    );
    const caught = await Promise.all(each);
    return caught.every((health) => health !== null) ? this.#recorder.nowMs() - beganMs : null;
  }

  /** Whoever acknowledged first. */
  async #write(at: readonly HostedServer[], key: string, endMs: number): Promise<string | null> {
    let writer: string | null = null;
    const attempts = at.map((server) =>
      this.#until(endMs, async (leftMs) => {
        if (writer !== null) return server.id;
        const outcome = await this.#attempt(server, { op: 'put', key, value: key }, leftMs);
        if (outcome.kind !== 'executed') return null;
        writer ??= server.id;
        return server.id;
      }),
    );
    // Whoever still waits for an answer is not waited for: the first one says that it is served.
    await Promise.race([firstOf(attempts), Promise.all(attempts)]);
    return writer;
  }

  async #read(at: readonly HostedServer[], key: string, endMs: number): Promise<string[]> {
    const each = at.map((server) =>
      this.#until(endMs, async (leftMs) => {
        const outcome = await this.#attempt(server, { op: 'get', key }, leftMs, '&at=follower');
        return outcome.kind === 'executed' ? server.id : null;
      }),
    );
    return (await Promise.all(each)).filter((id) => id !== null);
  }

  async #attempt(
    { url }: HostedServer,
    request: KvRequest,
    leftMs: number,
    query = '',
  ): Promise<Outcome> {
    const { method, path, body } = requestOf(request);
    const asked = { method, path: `${path}${query}`, ...(body === undefined ? {} : { body }) };
    const call = this.#recorder.nowNs();
    const timeoutMs = Math.max(1, Math.ceil(Math.min(leftMs, REQUEST_TIMEOUT_MS)));
    const outcome = outcomeOf(request.op, await this.#links.request(url, asked, timeoutMs));
    const returned = this.#recorder.nowNs();
    this.#recorder.record(historyOf(request, PROBE_CLIENT, call, returned, outcome));
    return outcome;
  }

  async #until<T>(
    endMs: number,
    attempt: (leftMs: number) => Promise<T | null>,
  ): Promise<T | null> {
    for (;;) {
      const leftMs = endMs - this.#recorder.nowMs();
      if (leftMs <= 0) return null;
      const found = await attempt(leftMs);
      if (found !== null) return found;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  #key(): string {
    return `probe/${++this.#number}`;
  }
}

const NOT_SERVED: Serving = { writer: null, readers: [], writeAfterMs: null, readsAfterMs: null };

/** Resolves with the first that is not `null`; never, if all are. */
function firstOf<T>(attempts: readonly Promise<T | null>[]): Promise<T> {
  return new Promise((resolve) => {
    for (const attempt of attempts) {
      void attempt.then((found) => {
        if (found !== null) resolve(found);
      });
    }
  });
}
