/** What the clients' thread reports, to be waited for by kind. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ThreadCluster } from './cluster.ts';

/** A cluster that does not serve its first request by then never will. */
export const START_LIMIT_MS = 20_000;

export class Reports<Report extends { readonly kind: string }> {
  readonly #heard = new Map<string, Report>();
  #wake: () => void = () => {};

  add(report: Report): void {
    this.#heard.set(report.kind, report);
    this.#wake();
  }

  /**
   * The last report of that kind; rejects when it has not come within so long, the run was aborted
   * or the cluster failed.
   */
  async wait<Kind extends Report['kind']>(
    kind: Kind,
    limitMs: number,
    cluster: ThreadCluster,
    signal: AbortSignal,
  ): Promise<Extract<Report, { kind: Kind }>> {
    const endMs = performance.now() + limitMs;
    for (;;) {
      signal.throwIfAborted();
      cluster.throwIfFailed();
      const report = this.#heard.get(kind);
      if (report !== undefined) return report as Extract<Report, { kind: Kind }>;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) throw new Error(`the clients were not "${kind}" within ${limitMs} ms`);
      // Looks again now and then, so that a failure elsewhere or an abort does not wait for a
      // report.
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#wake = resolve;
        }),
        delay(Math.min(leftMs, 50)),
      ]);
    }
  }
}
