/** One clock and one list for all clients of a run: what they asked, and what became of it. */
import type { HistoryOperation } from '../history.ts';

const NS_PER_MS = 1e6;

export class Recorder {
  readonly history: HistoryOperation[] = [];
  /** Times are within 2^53 of it for a hundred days. */
  readonly #origin = process.hrtime.bigint();

  nowNs(): number {
    return Number(process.hrtime.bigint() - this.#origin);
  }

  nowMs(): number {
    return this.nowNs() / NS_PER_MS;
  }

  /** Operations come in the order of their returns. */
  record(operation: HistoryOperation): void {
    this.history.push(operation);
  }

  /** When writes that were acknowledged returned, in milliseconds. */
  acknowledgedMs(): number[] {
    return this.history
      .filter(({ op, outcome }) => op !== 'get' && outcome === 'ok')
      .map((operation) => (operation.return ?? 0) / NS_PER_MS);
  }
}
