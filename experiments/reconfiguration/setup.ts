/** Numbers that the trial, its expectation and its report share. */

export const CHANGES = ['add', 'replace', 'replace-two', 'remove', 'remove-leader'] as const;
export type Change = (typeof CHANGES)[number];

export type Cell = {
  readonly change: Change;
  /** What newcomers must be sent before they can vote. */
  readonly stateMb: number;
  /** Of the line that all that a server sends has to share. */
  readonly megabytesPerSecond: number;
};

export const SERVERS = 5;
/** One way. */
export const LINK = { delayMs: 1, jitterMs: 0.5 } as const;
export const DISK_MS = [0.2, 1] as const;
export const WRITES_PER_SECOND = 200;
export const VALUE_BYTES = 1024;
/** The state is made of such values, each under a key of its own. */
export const STATE_VALUE_BYTES = 16_384;
export const CHUNK_BYTES = 65_536;
/** Up to this state, replicas and history are judged at the end of every trial. */
export const JUDGED_MB = 1;
export const BEFORE_MS = 1000;
/** A leader that is removed hands over when its removal has committed. */
export const AFTER_MS = 1000;

/** Whether servers come that need the state. */
export function hasNewcomers(change: Change): boolean {
  return change !== 'remove' && change !== 'remove-leader';
}
