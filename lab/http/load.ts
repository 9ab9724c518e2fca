/**
 * Clients that write and read while something is done to their cluster, each one operation after
 * the other, and the verdict on what they saw: their history is linearizable, and what was
 * acknowledged is still there at the end.
 */
import { between, fork, pick, type RandomState } from '../../src/raft/random.ts';
import type { HistoryOperation } from '../history.ts';
import { checkLinearizability } from '../linearizability.ts';
import { type HttpServer, KvHttpClient } from './kv-client.ts';
import type { HttpLinks } from './links.ts';
import type { KvRequest } from './outcome.ts';
import type { Recorder } from './recorder.ts';

export type LoadOptions = {
  readonly links: HttpLinks;
  readonly recorder: Recorder;
  servers(): readonly HttpServer[];
  readonly clients: number;
  readonly seed: number;
  readonly requestTimeoutMs: number;
  readonly operationTimeoutMs: number;
  /** Clients number their writes and repeat them until they are answered. */
  readonly exactlyOnce: boolean;
  /** Between an answer and the client's next request, on average. */
  readonly thinkMs: number;
};

export type LoadVerdict = {
  readonly operations: number;
  /** Writes that were answered as done. */
  readonly acknowledged: number;
  readonly failed: number;
  readonly unknown: number;
  /** Keys of writes that were acknowledged and could not be read back at the end. */
  readonly lost: readonly string[];
  /** `ok`, or a sentence. */
  readonly linearizable: string;
};

const SHARED_KEYS = ['a', 'b', 'c'];
/** Of a hundred operations. */
const GETS = 35;
const SHARED_PUTS = 25;
const CASES = 20;
const FINAL_READ_TIMEOUT_MS = 10_000;
/** For all of them: a cluster that serves nothing is not asked for each key. */
const FINAL_READS_LIMIT_MS = 30_000;
/** Reads at the end that are under way at a time. */
const FINAL_READERS = 8;

export class Load {
  readonly #options: LoadOptions;
  readonly #running: Promise<void>[] = [];
  #stopped = false;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): void {
    for (let client = 0; client < this.#options.clients; client++) {
      this.#running.push(this.#work(client));
    }
  }

  /** What is under way is waited for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  /** Reads everything once more, when the cluster serves again, and judges the whole history. */
  async judge(): Promise<LoadVerdict> {
    await this.stop();
    const { clients, recorder } = this.#options;
    const written = ledgerOf(recorder.history);
    const keys = [...new Set([...SHARED_KEYS, ...written.keys()])];
    const lost = new Set(written.keys());
    const endMs = recorder.nowMs() + FINAL_READS_LIMIT_MS;
    let next = 0;
    const read = async (reader: number): Promise<void> => {
      const client = this.#client(clients + reader, FINAL_READ_TIMEOUT_MS, false);
      while (next < keys.length && recorder.nowMs() < endMs) {
        const key = keys[next++] as string;
        const { outcome, result } = await client.execute({ op: 'get', key });
        if (outcome === 'ok' && result?.value === written.get(key)) lost.delete(key);
      }
    };
    await Promise.all(Array.from({ length: FINAL_READERS }, (_, i) => read(i)));
    return verdictOf(recorder.history, [...lost].sort());
  }

  async #work(client: number): Promise<void> {
    const { operationTimeoutMs, exactlyOnce, seed, thinkMs } = this.#options;
    const kv = this.#client(client, operationTimeoutMs, exactlyOnce);
    const rng = fork(seed, `load ${client}`);
    const seen = new Map<string, string | null>();
    for (let number = 1; !this.#stopped; number++) {
      const request = drawRequest(rng, client, number, seen);
      const { key, outcome, result } = await kv.execute(request);
      if (outcome === 'ok' && result?.value !== undefined) seen.set(key, result.value as string);
      await new Promise((resolve) => setTimeout(resolve, between(rng, 0, 2 * thinkMs)));
    }
  }

  #client(client: number, operationTimeoutMs: number, exactlyOnce: boolean): KvHttpClient {
    const { links, recorder, requestTimeoutMs, servers, seed } = this.#options;
    return new KvHttpClient({
      client,
      links,
      servers,
      recorder,
      requestTimeoutMs,
      operationTimeoutMs,
      ...(exactlyOnce ? { sessionId: `load-${seed}-${client}` } : {}),
    });
  }
}

/** Every value is written once, so that whoever reads it shows which write was read. */
function drawRequest(
  rng: RandomState,
  client: number,
  number: number,
  seen: ReadonlyMap<string, string | null>,
): KvRequest {
  const draw = between(rng, 0, 99);
  const key = pick(rng, SHARED_KEYS);
  const value = `${client}.${number}`;
  if (draw < GETS) return { op: 'get', key };
  if (draw < GETS + SHARED_PUTS) return { op: 'put', key, value };
  if (draw < GETS + SHARED_PUTS + CASES) {
    return { op: 'cas', key, expected: seen.get(key) ?? null, value };
  }
  return { op: 'put', key: `ledger/${value}`, value };
}

/** Keys that one acknowledged write has written and nobody else ever does, with its value. */
function ledgerOf(history: readonly HistoryOperation[]): Map<string, string> {
  const written = history.filter(
    ({ op, key, outcome }) => op === 'put' && outcome === 'ok' && key.startsWith('ledger/'),
  );
  return new Map(written.map(({ key, value }) => [key, value as string]));
}

export function verdictOf(
  history: readonly HistoryOperation[],
  lost: readonly string[],
): LoadVerdict {
  const writes = history.filter(({ op }) => op !== 'get');
  const count = (of: readonly HistoryOperation[], wanted: HistoryOperation['outcome']): number =>
    of.filter(({ outcome }) => outcome === wanted).length;
  const judged = checkLinearizability(history);
  const what = judged.verdict === 'illegal' ? 'not linearizable' : 'not known to be linearizable';
  return {
    operations: history.length,
    acknowledged: count(writes, 'ok'),
    failed: count(history, 'fail'),
    unknown: count(history, 'unknown'),
    lost,
    linearizable: judged.verdict === 'ok' ? 'ok' : `${what} on key ${JSON.stringify(judged.key)}`,
  };
}
