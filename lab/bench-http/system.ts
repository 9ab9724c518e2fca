/** A cluster that is measured, whatever it is made of. */
import { setTimeout as delay } from 'node:timers/promises';
import type { SystemName } from './requests.ts';

export type System = {
  readonly name: SystemName;
  readonly version: string;
  readonly processIds: readonly number[];
  readonly urls: readonly string[];
  /** Whether the server at this address says that it leads. */
  leads(url: string): Promise<boolean>;
  /** What keeps it from ever serving, or `null`. */
  trouble(): string | null;
  close(): Promise<void>;
};

const LEADER_WITHIN_MS = 30_000;
const ASK_EVERY_MS = 50;

/** The address of the server that leads, as soon as there is one. */
export async function leaderOf(system: System, signal: AbortSignal): Promise<string> {
  const deadlineMs = performance.now() + LEADER_WITHIN_MS;
  while (performance.now() < deadlineMs) {
    for (const url of system.urls) {
      if (await system.leads(url)) return url;
    }
    const trouble = system.trouble();
    if (trouble !== null) throw new Error(trouble);
    await delay(ASK_EVERY_MS, undefined, { signal });
  }
  throw new Error(`${system.name} has no leader after ${LEADER_WITHIN_MS / 1000} s`);
}
