/** One golden script being played, and how its words are read. */
import { addressOf } from '../../src/raft/identity.ts';
import type { Message, Settings } from '../../src/raft/types.ts';
import type { Audit } from './audit.ts';
import { SETTINGS } from './fixture.ts';
import { type Network, type Server, serverOf } from './network.ts';

export type Stage = {
  network: Network | null;
  /** Taken out of the flight, until they `arrive`. */
  delayed: Message[];
  audit: Audit;
  nextRequestId: number;
  quiet: boolean;
  lines: string[];
};

type Options = ReadonlyMap<string, string>;

export type Arguments = { readonly words: readonly string[]; readonly options: Options };

export function running(stage: Stage): Network {
  if (stage.network === null) throw new Error('a script begins with `cluster`');
  return stage.network;
}

export function first(words: readonly string[]): string {
  const [word] = words;
  if (word === undefined) throw new Error('an argument is missing');
  return word;
}

/** The server that the first word names; the address will do if it goes by another name now. */
export function meant(stage: Stage, words: readonly string[]): Server {
  const name = first(words);
  const known = [...running(stage).servers.keys()];
  const id = known.find((other) => other === name) ?? known.find((at) => addressOf(at) === name);
  return serverOf(running(stage), id ?? name);
}

export function microseconds(text: string): number {
  const found = /^(\d+)(ms|us)$/.exec(text);
  if (found === null) throw new Error(`expected a time such as 50ms or 20us, got ${text}`);
  return Number(found[1]) * (found[2] === 'ms' ? 1000 : 1);
}

/** `n1,n2` */
export function names(options: Options, name: string): string[] {
  const text = options.get(name) ?? '';
  return text === '' ? [] : text.split(',');
}

/** `n1->* AppendEntries first`: the messages in flight that are meant; there must be some. */
export function chosen(
  flight: readonly Message[],
  [link, ...filters]: readonly string[],
): Message[] {
  const [from, to] = (link ?? '').split('->');
  const place = filters.find((filter) => filter === 'first' || filter === 'last');
  const kind = filters.find((filter) => filter !== place);
  const messages = flight.filter(
    (message) =>
      (from === '*' || message.from === from) &&
      (to === '*' || message.to === to) &&
      (kind === undefined || message.kind === kind),
  );
  if (messages.length === 0) throw new Error(`nothing in flight for ${link} ${filters.join(' ')}`);
  if (place === 'first') return messages.slice(0, 1);
  return place === 'last' ? messages.slice(-1) : messages;
}

/** Small numbers, so that windows fill and snapshots take several chunks. */
export function settingsFrom(options: Options): Settings {
  const on = (name: string): boolean => options.get(name) !== 'off';
  const number = (name: string, otherwise: number): number =>
    Number(options.get(name) ?? otherwise);
  const [low, high] = (options.get('election') ?? '150-300').split('-').map(Number);
  const [floorMs, factor] = (options.get('adaptive') ?? '').split('x').map(Number);
  const drift = options.get('drift');
  return {
    ...SETTINGS,
    electionTimeoutMs: [low ?? 150, high ?? 300],
    heartbeatMs: number('heartbeat', SETTINGS.heartbeatMs),
    preVote: on('preVote'),
    checkQuorum: on('checkQuorum'),
    leaderStickiness: on('stickiness'),
    parallelDiskWrite: on('parallelDisk'),
    windowMessages: number('window', SETTINGS.windowMessages),
    windowBytes: number('windowBytes', SETTINGS.windowBytes),
    batchEntries: number('batch', SETTINGS.batchEntries),
    uncommittedBytes: number('uncommitted', SETTINGS.uncommittedBytes),
    snapshotEntries: number('snapshotEntries', SETTINGS.snapshotEntries),
    keptEntries: number('kept', 0),
    chunkBytes: number('chunk', 10),
    clockDriftPpm: drift === undefined ? null : Number(drift),
    catchUpTimeoutMs: number('catchUp', SETTINGS.catchUpTimeoutMs),
    adaptiveTimeout: factor === undefined ? null : { floorMs: floorMs ?? 0, factor },
  };
}
