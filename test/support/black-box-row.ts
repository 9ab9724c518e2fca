/** A row of the black-box run: what a user could name, shown on a cluster from outside. */
import type { ExecutionContext } from 'ava';
import type { BlackBoxCluster } from './black-box-cluster.ts';
import type { Answer, Fields } from './http-caller.ts';

export type Row = readonly [
  what: string,
  show: (t: ExecutionContext, cluster: BlackBoxCluster) => Promise<void>,
];

/** `expected` is part of the body: fields may be added. */
export function answers(
  t: ExecutionContext,
  { status, body, text }: Answer,
  expectedStatus: number,
  expected?: Fields,
): void {
  t.is(status, expectedStatus, text.slice(0, 500));
  if (expected !== undefined) t.like(body, expected);
}

let keys = 0;

/** That no other row and no earlier run has written. */
export function newKey(): string {
  return `black-box-${process.pid}-${Date.now()}-${keys++}`;
}
