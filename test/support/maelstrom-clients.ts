/** Clients of `lin-kv`, each with one request at a time to any server, and their history. */
import type { HistoryOperation, HistoryResult, Json } from '../../lab/history.ts';
import { between, chance, fork, pick, type RandomState } from '../../src/raft/random.ts';
import type { Body, Router } from './maelstrom-router.ts';

const KEYS = [1, 2, 3];
const VALUES_MAX = 4;
/** As long as Maelstrom's clients wait. */
export const CLIENT_TIMEOUT_MS = 1000;
/** An answer that says nothing was executed comes at once: others may be luckier meanwhile. */
const AFTER_REFUSAL_MS = 20;

/** An answer by its type, an error with its code: `read_ok`, `error20`, `none`. */
export function answerOf(reply: Body | null): string {
  return reply === null ? 'none' : `${reply.type}${reply.code ?? ''}`;
}

type Asked = Pick<HistoryOperation, 'op' | 'key' | 'value' | 'expected'>;

export class Clients {
  readonly history: HistoryOperation[] = [];
  /** How often each came. */
  readonly answers = new Map<string, number>();
  readonly #router: Router;
  readonly #seed: number;
  #stopped = false;
  #running: Promise<void>[] = [];

  constructor(router: Router, seed: number) {
    this.#router = router;
    this.#seed = seed;
  }

  start(count: number): void {
    this.#running = Array.from({ length: count }, (_, i) => this.#run(i + 1));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #run(client: number): Promise<void> {
    const rng = fork(this.#seed, `client ${client}`);
    const seen = new Map<number, number>();
    while (!this.#stopped) {
      const id = pick(rng, this.#router.options.ids);
      const key = pick(rng, KEYS);
      const { body, asked } = drawRequest(rng, key, seen.get(key) ?? 0);
      const call = nowNs();
      const reply = await this.#router.ask(`c${client}`, id, body, CLIENT_TIMEOUT_MS);
      const answer = answerOf(reply);
      this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
      if (typeof reply?.value === 'number') seen.set(key, reply.value);
      const { outcome, result } = judged(asked, reply);
      const returned = reply === null ? null : nowNs();
      this.history.push({ client, ...asked, call, return: returned, outcome, ...result });
      if (outcome === 'fail') await new Promise((go) => setTimeout(go, AFTER_REFUSAL_MS));
    }
  }
}

function drawRequest(rng: RandomState, key: number, seen: number): { body: Body; asked: Asked } {
  const value = between(rng, 0, VALUES_MAX);
  const kind = pick(rng, ['read', 'write', 'cas', 'cas']);
  const named = { key: String(key) };
  if (kind === 'read') return { body: { type: kind, key }, asked: { op: 'get', ...named } };
  if (kind === 'write') {
    return { body: { type: kind, key, value }, asked: { op: 'put', ...named, value } };
  }
  const from = chance(rng, 0.8) ? seen : between(rng, 0, VALUES_MAX);
  const asked: Asked = { op: 'cas', ...named, value, expected: from };
  return { body: { type: kind, key, from, to: value }, asked };
}

type Judged = {
  readonly outcome: HistoryOperation['outcome'];
  readonly result?: { readonly result: HistoryResult };
};

/** What an answer means; one that the protocol has no place for throws. */
function judged({ op }: Asked, reply: Body | null): Judged {
  const ok = (result: HistoryResult): Judged => ({ outcome: 'ok', result: { result } });
  switch (`${op} ${answerOf(reply)}`) {
    case 'get read_ok':
      return ok({ status: 'ok', value: reply?.value as Json });
    case 'get error20':
      return ok({ status: 'notFound' });
    case 'put write_ok':
    case 'cas cas_ok':
      return ok({ status: 'ok' });
    case 'cas error20':
      return ok({ status: 'mismatch', value: null });
    case 'cas error22':
      return ok({ status: 'mismatch' });
    case `${op} error11`:
      return { outcome: 'fail' };
    case `${op} error0`:
    case `${op} none`:
      return { outcome: 'unknown' };
    default:
      throw new Error(`a ${op} was answered ${JSON.stringify(reply)}`);
  }
}

function nowNs(): number {
  return Math.round(performance.now() * 1e6);
}
