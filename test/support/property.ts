/** What property tests share: one fixed seed, and failures that say how to see them again. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';

export const SEED = 20_261_203;

/** 5 standard deviations: once in 1.7 million by chance, and with a fixed seed never again. */
export const SIGMAS = 5;

export function replay(t: ExecutionContext): string {
  const file = relative(process.cwd(), fileURLToPath(test.meta.file));
  return `seed ${SEED}; replay: npx ava ${file} --match '${t.title}'`;
}

/** Has fast-check look for a counterexample; the failure prints it shrunk, with its replay. */
export function always<Arguments>(
  t: ExecutionContext,
  property: fc.IProperty<Arguments>,
  numRuns = 100,
): void {
  const details = fc.check(property, { seed: SEED, numRuns });
  t.false(details.failed, `${fc.defaultReportMessage(details)}\n${replay(t)}`);
}

/** `actual` lies within `bound` of `expected`. */
export function near(
  t: ExecutionContext,
  what: string,
  actual: number,
  expected: number,
  bound: number,
): void {
  t.true(
    Math.abs(actual - expected) <= bound,
    `${what}: expected ${expected} ± ${bound}, got ${actual} (${replay(t)})`,
  );
}
