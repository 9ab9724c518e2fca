/**
 * The load, on a thread of its own: a closed loop over so many connections, one request at a time
 * on each, the next one as soon as the answer is there. A sample is the time from handing a request
 * to the client library until its answer has been read whole.
 */
import { createHistogram, type Histogram, type RecordableHistogram } from 'node:perf_hooks';
import { Client, type Dispatcher } from 'undici';
import { between, fork } from '../../src/raft/random.ts';
import { authorityOf, trustAuthority } from '../processes/tls.ts';
import {
  DONE_MARK,
  type HttpRequest,
  type Operation,
  requestMaker,
  type SystemName,
} from './requests.ts';

export type LoadTask = {
  readonly system: SystemName;
  readonly operation: Operation;
  /** Of the server that leads. */
  readonly url: string;
  readonly connections: number;
  /** Every key once, in order, without a time limit; or keys drawn evenly, as long as it says. */
  readonly length: 'every key' | { readonly warmUpMs: number; readonly measureMs: number };
  readonly keys: number;
  readonly seed: number;
};

export type LoadResult = {
  /** In nanoseconds; requests that ended while it was measured. */
  readonly latencies: Histogram;
  readonly completed: number;
  readonly seconds: number;
  /** Of one core: what this thread took for itself. */
  readonly cpuShare: number;
  /** The first request that was not done; the load ends with it. */
  readonly failure: string | null;
};

const HEADERS = ['content-type', 'application/json'];
/** Wait for no answer longer than this. */
const ANSWER_TIMEOUT_MS = 20_000;
const SHOWN_MAX = 200;

export default async function runLoad(task: LoadTask): Promise<LoadResult> {
  trustAuthority(authorityOf(process.env));
  const load = new Load(task);
  const clients = Array.from(
    { length: task.connections },
    () => new Client(task.url, { headersTimeout: ANSWER_TIMEOUT_MS }),
  );
  const loops = Promise.all(clients.map((client) => load.loop(client)));
  try {
    return await load.measured(loops);
  } finally {
    await Promise.all(clients.map((client) => client.destroy()));
  }
}

class Load {
  readonly #task: LoadTask;
  readonly #latencies: RecordableHistogram = createHistogram();
  readonly #mark: Buffer;
  readonly #nextRequest: () => HttpRequest | null;
  #going = true;
  #measuring = false;
  #completed = 0;
  #failure: string | null = null;

  constructor(task: LoadTask) {
    this.#task = task;
    this.#mark = Buffer.from(DONE_MARK[task.system][task.operation]);
    this.#nextRequest = requestSource(task);
  }

  async measured(loops: Promise<unknown>): Promise<LoadResult> {
    const { length } = this.#task;
    if (length !== 'every key') await raced(loops, length.warmUpMs);
    this.#measuring = true;
    const startMs = performance.now();
    const cpuBefore = process.threadCpuUsage();
    await raced(loops, length === 'every key' ? null : length.measureMs);
    const { user, system } = process.threadCpuUsage(cpuBefore);
    const seconds = (performance.now() - startMs) / 1000;
    this.#measuring = false;
    this.#going = false;
    await loops;
    return {
      latencies: this.#latencies,
      completed: this.#completed,
      seconds,
      cpuShare: (user + system) / 1e6 / seconds,
      failure: this.#failure,
    };
  }

  /** Until the load ends; the last request of a connection is still answered. */
  loop(client: Client): Promise<void> {
    return new Promise((resolve) => {
      const next = (): void => {
        const request = this.#going ? this.#nextRequest() : null;
        if (request === null) resolve();
        else this.#send(client, request, next);
      };
      next();
    });
  }

  #send(client: Client, { method, path, body }: HttpRequest, next: () => void): void {
    const startNs = process.hrtime.bigint();
    const parts: Buffer[] = [];
    let status = 0;
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseStart(_controller, statusCode) {
        status = statusCode;
      },
      onResponseData(_controller, chunk) {
        parts.push(chunk);
      },
      onResponseEnd: () => {
        const answer = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
        if (status === 200 && answer.includes(this.#mark)) this.#count(startNs);
        else this.#fail(`${status} ${answer.toString()}`);
        next();
      },
      onResponseError: (_controller, error) => {
        this.#fail(error.message);
        next();
      },
    };
    client.dispatch({ method, path, headers: HEADERS, body }, handler);
  }

  #count(startNs: bigint): void {
    if (!this.#measuring) return;
    this.#completed++;
    this.#latencies.record(process.hrtime.bigint() - startNs);
  }

  #fail(what: string): void {
    this.#failure ??= what.slice(0, SHOWN_MAX);
    this.#going = false;
  }
}

/** What to ask next; `null` is the end. */
function requestSource({ system, operation, length, keys, seed }: LoadTask) {
  const make = requestMaker(system, operation);
  const rng = fork(seed, 'keys');
  let made = 0;
  return (): HttpRequest | null => {
    if (length !== 'every key') return make(between(rng, 0, keys - 1), made++);
    return made < keys ? make(made, made++) : null;
  };
}

/** Until the time is over or the promise has ended, whichever is first; `null` is no limit. */
async function raced(ended: Promise<unknown>, limitMs: number | null): Promise<void> {
  if (limitMs === null) {
    await ended;
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([ended, over]);
  clearTimeout(timer);
}
