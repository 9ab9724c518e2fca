/**
 * A client of the key-value store over HTTP. It finds the leader, follows hints, and repeats what
 * was surely not executed. What may have been executed it repeats only under exactly-once headers:
 * without them a repetition could write twice. Every operation ends up in the history.
 */
import type { HistoryOperation } from '../history.ts';
import type { HttpLinks } from './links.ts';
import { historyOf, type KvRequest, type Outcome, outcomeOf, requestOf } from './outcome.ts';
import type { Recorder } from './recorder.ts';

export type HttpServer = {
  /** What other servers know it by, `host:port`. */
  readonly address: string;
  /** What clients reach it by. */
  readonly url: string;
};

export type KvHttpClientOptions = {
  readonly client: number;
  readonly links: HttpLinks;
  /** Asked anew each time: servers come and go. */
  servers(): readonly HttpServer[];
  readonly recorder: Recorder;
  /** For one request; above the servers' own, so that their answers are heard. */
  readonly requestTimeoutMs: number;
  /** For an operation with all its repetitions. */
  readonly operationTimeoutMs: number;
  /** The id of the exactly-once session, if there is to be one. */
  readonly sessionId?: string;
};

const BACKOFF_MIN_MS = 5;
const BACKOFF_MAX_MS = 80;
/** So long, someone who did not answer is asked only if there is nobody else. */
const SILENT_MS = 3000;
/** Hints that are followed in a row without a wait: two servers may name each other. */
const HINTS_MAX = 3;

export class KvHttpClient {
  readonly #options: KvHttpClientOptions;
  /** Who answered last, or was named as leader. */
  #url: string | null = null;
  #next: number;
  #requestNumber = 0;
  /** Who did not answer, and until when others are asked first. */
  readonly #silent = new Map<string, number>();

  constructor(options: KvHttpClientOptions) {
    this.#options = options;
    this.#next = options.client;
  }

  /** Always resolves, and is in the history by then. */
  async execute(request: KvRequest): Promise<HistoryOperation> {
    const { client, recorder } = this.#options;
    const call = recorder.nowNs();
    const outcome = await this.#attempts(request);
    const operation = historyOf(request, client, call, recorder.nowNs(), outcome);
    recorder.record(operation);
    return operation;
  }

  async #attempts(request: KvRequest): Promise<Outcome> {
    const { recorder, operationTimeoutMs, sessionId } = this.#options;
    const deadlineMs = recorder.nowMs() + operationTimeoutMs;
    const headers = this.#headersOf(request);
    let open: Outcome | null = null;
    let hints = 0;
    for (let waitMs = BACKOFF_MIN_MS; ; waitMs = Math.min(2 * waitMs, BACKOFF_MAX_MS)) {
      const outcome = await this.#attempt(request, headers, deadlineMs);
      if (outcome.kind === 'executed') return outcome;
      if (outcome.kind === 'indefinite') {
        open = outcome;
        if (sessionId === undefined) return outcome;
      }
      if (outcome.kind === 'refused' && outcome.code === 'session_expired') return open ?? outcome;
      const hinted = outcome.kind === 'refused' && this.#follow(outcome);
      if (!hinted) this.#url = null;
      if (hinted && hints++ < HINTS_MAX) continue;
      hints = 0;
      // A refusal after an attempt that may have been executed does not undo that attempt.
      if (recorder.nowMs() + waitMs >= deadlineMs) return open ?? outcome;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  async #attempt(
    request: KvRequest,
    headers: Readonly<Record<string, string>>,
    deadlineMs: number,
  ): Promise<Outcome> {
    const { links, recorder, requestTimeoutMs } = this.#options;
    const url = this.#url ?? this.#nextUrl();
    if (url === null) {
      return { kind: 'refused', code: 'no_servers', leader: null, leaderUrl: null };
    }
    const leftMs = Math.max(1, deadlineMs - recorder.nowMs());
    const timeoutMs = Math.ceil(Math.min(requestTimeoutMs, leftMs));
    const answer = await links.request(url, { ...requestOf(request), headers }, timeoutMs);
    if (answer.kind === 'unanswered') this.#silent.set(url, recorder.nowMs() + SILENT_MS);
    const outcome = outcomeOf(request.op, answer);
    if (outcome.kind === 'executed') this.#url = url;
    return outcome;
  }

  #headersOf({ op }: KvRequest): Readonly<Record<string, string>> {
    const { sessionId } = this.#options;
    if (sessionId === undefined || op === 'get') return {};
    this.#requestNumber++;
    const number = String(this.#requestNumber);
    // One operation at a time: whatever came before needs its stored answer no more.
    return {
      'raft-client-id': sessionId,
      'raft-request-number': number,
      'raft-lowest-pending': number,
    };
  }

  /** Whether a server was named that can be asked next. */
  #follow({ leader, leaderUrl }: Extract<Outcome, { kind: 'refused' }>): boolean {
    const known = this.#options.servers().find(({ address }) => address === leader);
    const url = known?.url ?? leaderUrl;
    if (url === null || url === this.#url) return false;
    this.#url = url;
    return true;
  }

  #nextUrl(): string | null {
    const servers = this.#options.servers();
    const nowMs = this.#options.recorder.nowMs();
    let url: string | null = null;
    for (let tried = 0; tried < servers.length; tried++) {
      url = servers[this.#next++ % servers.length]?.url ?? null;
      if (url === null || (this.#silent.get(url) ?? 0) <= nowMs) break;
    }
    return url;
  }
}
