/**
 * Requests of clients without a connection of their own to a node: each is answered once, by the
 * node or, when that takes too long, by the clock.
 */
import {
  type Operation,
  RecordWriter,
  type RequestIdentity,
  type Result,
  ResultReader,
} from './command.ts';
import type { Reply } from './http/service.ts';
import type { Client, ClientReadMode, Node } from './node.ts';
import { termAt } from './raft/log.ts';
import { createAnswerRoom, type Room } from './room.ts';

/** Of a client without a session. */
const SESSIONLESS: RequestIdentity = { clientId: 0, requestNumber: 0, lowestPending: 0 };
const TIMED_OUT: Reply = { status: 'noQuorum', value: null, index: 0, term: 0 };
const RESULT_BYTES = 64;
/** There is always room for it: requests are bounded in number. */
const SHORT_BYTES = 4096;
/** How late a timeout may be noticed. */
const SWEEP_MS = 20;

type Pending = {
  readonly deadlineMs: number;
  /** `null` once it is answered. */
  answer: ((reply: Reply) => void) | null;
};

export class Requests {
  readonly #node: () => Node;
  readonly #flushSoon: () => void;
  readonly #timeoutMs: number;
  readonly #answers: Room;
  readonly #operations = new RecordWriter();
  /** In the order of their deadlines: all wait equally long. */
  #pending: Pending[] = [];
  #sweeping: NodeJS.Timeout | null = null;

  /** `node` may change in the course of time. `answers` has what is owed to clients already. */
  constructor(
    node: () => Node,
    flushSoon: () => void,
    timeoutMs: number,
    answers: Room = createAnswerRoom(),
  ) {
    this.#node = node;
    this.#flushSoon = flushSoon;
    this.#timeoutMs = timeoutMs;
    this.#answers = answers;
  }

  /** How many have not been answered. O(requests of the last timeout). */
  get waiting(): number {
    return this.#pending.reduce((sum, { answer }) => sum + (answer === null ? 0 : 1), 0);
  }

  /** Through the log; a get as well. */
  write(operation: Operation, identity: RequestIdentity | null): Promise<Reply> {
    return this.#ask(operation, identity ?? SESSIONLESS, (node, client, batch) =>
      node.write(client, batch, 1),
    );
  }

  read(key: Uint8Array, mode: ClientReadMode): Promise<Reply> {
    const operation: Operation = { kind: 'get', key, value: null, expected: null };
    return this.#ask(operation, SESSIONLESS, (node, client, batch) =>
      node.read(client, batch, 1, mode),
    );
  }

  /** What has no answer yet gets none from the node: its outcome is unknown. */
  stop(): void {
    if (this.#sweeping !== null) clearInterval(this.#sweeping);
    this.#sweeping = null;
    for (const pending of this.#pending) {
      pending.answer?.({ ...TIMED_OUT, status: 'outcomeUnknown' });
      pending.answer = null;
    }
    this.#pending = [];
  }

  #ask(
    operation: Operation,
    identity: RequestIdentity,
    send: (node: Node, client: Client, batch: Uint8Array) => void,
  ): Promise<Reply> {
    return new Promise((resolve) => {
      const deadlineMs = performance.now() + this.#timeoutMs;
      const pending: Pending = { deadlineMs, answer: resolve };
      this.#pending.push(pending);
      this.#sweeping ??= setInterval(() => this.#sweep(), SWEEP_MS);
      const node = this.#node();
      this.#operations.operation(operation, identity);
      const results = new BoundedResults(this.#answers, operation.kind === 'get');
      send(node, clientOf(pending, node, results), this.#operations.take());
      this.#flushSoon();
    });
  }

  #sweep(): void {
    const nowMs = performance.now();
    const firstWaiting = this.#pending.findIndex(({ deadlineMs }) => deadlineMs > nowMs);
    const late = this.#pending.splice(0, firstWaiting < 0 ? this.#pending.length : firstWaiting);
    for (const pending of late) {
      pending.answer?.(TIMED_OUT);
      pending.answer = null;
    }
    if (this.#pending.length > 0 || this.#sweeping === null) return;
    clearInterval(this.#sweeping);
    this.#sweeping = null;
  }
}

/**
 * The result of one request. Where there is no room for what was found, a read is refused, and of a
 * write it is not said how it ended.
 */
class BoundedResults extends RecordWriter {
  readonly #answers: Room;
  readonly #isRead: boolean;
  #takenBytes = 0;

  constructor(answers: Room, isRead: boolean) {
    super(RESULT_BYTES);
    this.#answers = answers;
    this.#isRead = isRead;
  }

  override result(clientId: number, requestNumber: number, result: Result): void {
    const bytes = result.value?.byteLength ?? 0;
    if (bytes > SHORT_BYTES && !this.#answers.has(bytes)) {
      const status = this.#isRead ? 'overloaded' : 'outcomeUnknown';
      super.result(clientId, requestNumber, { status, value: null, index: 0 });
      return;
    }
    this.#takenBytes += bytes;
    this.#answers.take(bytes);
    super.result(clientId, requestNumber, result);
  }

  override take(): Uint8Array<ArrayBuffer> {
    this.#answers.give(this.#takenBytes);
    this.#takenBytes = 0;
    return super.take();
  }
}

function clientOf(pending: Pending, node: Node, results: RecordWriter): Client {
  return {
    results,
    deliver: () => {
      const result = new ResultReader(results.take());
      if (!result.next() || pending.answer === null) return;
      const { answer } = pending;
      pending.answer = null;
      const { status, index } = result;
      answer({ status, value: result.value(), index, term: termOf(node, index) });
    },
  };
}

/** A repeated request is answered with an index that may be compacted by now. */
function termOf(node: Node, index: number): number {
  if (index === 0) return 0;
  const { log, currentTerm } = node.state.persistent;
  return termAt(log, index) ?? currentTerm;
}
