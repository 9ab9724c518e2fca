/**
 * Many runs on many threads: seeds are handed out in order until they are used up, the time is
 * over, a run fails or somebody interrupts. What has been begun is let run to its end, unless
 * somebody interrupts. A run that hangs is a failure, and the others go on.
 */
import { EXIT_INTERRUPTED } from '../sweep/interruption.ts';
import type { SwarmRequest } from './arguments.ts';
import { type Context, columnsOf, EXIT_FAILED, EXIT_OK, type Pool } from './context.ts';
import { isFailure } from './seed-summary.ts';
import { seedCount, seedsOf } from './seeds.ts';
import { type Status, statusOn } from './status.ts';
import { jsonOf, type SwarmOutcome, summaryText } from './summary.ts';
import { Tally } from './tally.ts';
import { count, several } from './text.ts';

/** Runs the swarm, tells what came out, and returns the exit status. */
export async function swarm(context: Context, request: SwarmRequest): Promise<number> {
  const interruption = context.interruption();
  const pool = await context.pool(request.threads, request.hangMs);
  const status = statusOn(context.stderr, context.nowMs);
  const beganMs = context.nowMs();
  const tally = new Tally();
  try {
    await runAll(context, request, { pool, status, tally, signal: interruption.signal });
  } finally {
    status.stop();
    await pool.close();
    interruption.release();
  }
  const outcome: SwarmOutcome = {
    request,
    tally,
    threads: pool.threads,
    wallMs: context.nowMs() - beganMs,
    interrupted: interruption.signal.aborted,
    commit: context.commit(),
  };
  const told = request.json ? context.stderr : context.stdout;
  told.write(`${summaryText(outcome, columnsOf(told)).join('\n')}\n`);
  if (request.json) context.stdout.write(`${JSON.stringify(jsonOf(outcome), null, 2)}\n`);
  if (tally.failures.length > 0) return EXIT_FAILED;
  if (outcome.interrupted) return EXIT_INTERRUPTED;
  return tally.vacuous > 0 ? EXIT_FAILED : EXIT_OK;
}

async function runAll(
  { nowMs }: Context,
  { ranges, forMs, profile }: SwarmRequest,
  at: { pool: Pool; status: Status; tally: Tally; signal: AbortSignal },
): Promise<void> {
  const { pool, status, tally, signal } = at;
  const beganMs = nowMs();
  const total = seedCount(ranges);
  const seeds = seedsOf(ranges);
  let failed = false;
  const isOver = (): boolean =>
    failed || signal.aborted || (forMs !== undefined && nowMs() - beganMs >= forMs);
  const share = (): number =>
    Math.min(
      1,
      Math.max(
        total === null ? 0 : tally.all.runs / total,
        forMs === undefined ? 0 : (nowMs() - beganMs) / forMs,
      ),
    );
  const lane = async (): Promise<void> => {
    while (!isOver()) {
      const next = seeds.next();
      if (next.done === true) return;
      const summary = await pool.run(next.value, profile);
      tally.add(summary);
      failed ||= isFailure(summary.verdict) && summary.verdict.kind !== 'hang';
      status.update(share(), progressText(tally, total));
    }
  };
  // Ends the threads with what they are at: one of them may be in a loop and never come back.
  const end = (): void => void pool.close();
  signal.addEventListener('abort', end);
  try {
    await Promise.all(Array.from({ length: pool.threads }, lane));
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function progressText({ all, vacuous }: Tally, total: number | null): string {
  const runs =
    total === null ? several(all.runs, 'run') : `${count(all.runs)}/${count(total)} runs`;
  return `${runs}, ${count(vacuous)} vacuous`;
}
