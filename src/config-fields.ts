/**
 * What a server can be told: one table for flags, environment variables, files, their checks,
 * defaults and help, and for the reference in the docs. A new setting is one new line here, and a
 * place in `configOf`.
 */
import {
  address,
  addresses,
  content,
  count,
  host,
  hosts,
  type Kind,
  link,
  number,
  numberOrNone,
  oneOf,
  onOrOff,
  origin,
  path,
  pem,
  range,
  secret,
  trueOrFalse,
  word,
} from './config-values.ts';

export type Field<V> = Kind<V> & {
  readonly group: string;
  /** A phrase of help. */
  readonly about: string;
  /** What holds when nothing is said, as a user would write it; `null`: nothing. */
  readonly fallback: string | null;
  /** The same for people: where it is `null`, what follows from that. */
  readonly fallbackText: string;
};

const PLACE = 'Where it is and who belongs to it:';
const ACCESS = 'Who may speak to it:';
const PROTOCOL = 'Protocol:';
const LIMITS = 'Limits:';
const LAB = 'Faults and logs:';

const MILLISECONDS_MAX = 3_600_000;
const TOKEN_LENGTH_MAX = 1024;
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const table = {
  nodeId: unset(
    address(),
    '127.0.0.1 and PORT, or 127.0.0.1:8001',
    PLACE,
    'the address that the other servers know and reach it by',
  ),
  host: given(host(), '127.0.0.1', PLACE, 'where it listens; 0.0.0.0 is all of IPv4, :: all'),
  port: unset(count(1, 65_535), 'the port of NODE_ID', PLACE, 'the port that it listens on'),
  peers: given(
    addresses(),
    '',
    PLACE,
    'the other first members; counts while the data directory is empty',
  ),
  join: given(
    trueOrFalse(),
    'false',
    PLACE,
    'starts empty, without PEERS, and waits to be joined; counts while the data directory is empty',
  ),
  dataDir: unset(path(), '.data/ and NODE_ID', PLACE, 'the directory for all that must last'),
  publicUrl: unset(origin(), 'none', PLACE, 'where people reach it from outside'),
  forward: given(
    onOrOff(),
    'false',
    PLACE,
    'where it does not lead it asks the leader for its clients; Raft-Forward goes before it',
  ),
  clusterId: given(word(64), 'raft-lab', PLACE, 'keeps servers out of the wrong cluster'),
  clusterToken: unset(
    secret(word(TOKEN_LENGTH_MAX)),
    'none',
    ACCESS,
    'what all servers of the cluster must prove to know; a flag is seen by all users',
  ),
  clusterTokenFile: unset(
    content(word(TOKEN_LENGTH_MAX), 'a token, as CLUSTER_TOKEN allows it'),
    'none',
    ACCESS,
    'the file that holds the token, in place of CLUSTER_TOKEN',
  ),
  allowedHosts: given(
    hosts(),
    '',
    ACCESS,
    'names that it may be called by beside its own, and hosts whose pages may change something',
  ),
  tlsCert: unset(
    content(pem(), 'a certificate as PEM'),
    'no TLS',
    ACCESS,
    'its certificate, which names the host of NODE_ID; with TLS_KEY and TLS_CA or not at all',
  ),
  tlsKey: unset(content(pem(), 'a private key as PEM'), 'no TLS', ACCESS, 'the key to TLS_CERT'),
  tlsCa: unset(
    content(pem(), 'a certificate as PEM'),
    'no TLS',
    ACCESS,
    'the authority that the certificates of all servers are from',
  ),

  electionTimeoutMs: given(
    range(60_000),
    '150-300',
    PROTOCOL,
    'range that election timeouts are drawn from, §3.4',
  ),
  heartbeatMs: given(number({ low: 1, high: 10_000 }), '50', PROTOCOL, 'time between heartbeats'),
  prevote: given(trueOrFalse(), 'true', PROTOCOL, 'PreVote, §9.6'),
  checkQuorum: given(
    trueOrFalse(),
    'true',
    PROTOCOL,
    'a leader that hears from no quorum steps down, §6.2',
  ),
  window: given(count(1, 65_536), '64', PROTOCOL, 'AppendEntries in flight to each follower'),
  batch: given(count(1, 65_536), '512', PROTOCOL, 'commands in an entry, entries in a message'),
  clockDrift: given(
    numberOrNone({ low: 0, high: 500_000 }),
    '10000',
    PROTOCOL,
    'drift of clocks, in parts per million, that leases allow for, §6.4.1; with none, no leases',
  ),

  requestTimeoutMs: given(
    count(1, MILLISECONDS_MAX),
    '5000',
    LIMITS,
    'time until a request without a quorum is given up',
  ),
  joinTimeoutMs: given(
    count(1, MILLISECONDS_MAX),
    '10000',
    LIMITS,
    'time that a server that joins has to be reached and to catch up, §4.2.1',
  ),
  snapshotEvery: given(
    count(1, 1_000_000_000),
    '100000',
    LIMITS,
    'entries after which a snapshot is taken, §5.1.3',
  ),

  faults: given(trueOrFalse(), 'false', LAB, 'PUT /lab/faults is allowed'),
  link: given(link(), '{}', LAB, 'faults of what it sends to the others, from the start'),
  logLevel: given(oneOf(LOG_LEVELS), 'info', LAB, 'the least level that is logged'),
  logFile: unset(path(), 'standard output', LAB, 'the file that the log is appended to'),
} satisfies Record<string, Field<unknown>>;

export type FieldName = keyof typeof table;

/** Every setting with its value; `null` where nothing is said and nothing holds by itself. */
export type Values = {
  readonly [Name in FieldName]: (typeof table)[Name] extends Field<infer V> ? V : never;
};

/** In the order of the help. The names are those in files. */
export const FIELDS: Readonly<Record<FieldName, Field<unknown>>> = table;
export const FIELD_NAMES = Object.keys(table) as readonly FieldName[];

/** `electionTimeoutMs` is `--election-timeout-ms`. */
export function flagOf(name: FieldName): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** And `ELECTION_TIMEOUT_MS`. */
export function variableOf(name: FieldName): string {
  return name.replace(/[A-Z]/g, '_$&').toUpperCase();
}

/** The reference of all settings, as a Markdown table. */
export function configurationTable(): string {
  const rows = FIELD_NAMES.map((name) => {
    const { about, allowed, fallback, fallbackText } = FIELDS[name];
    const shown = fallback === null || fallback === '' ? fallbackText : `\`${fallback}\``;
    return [`\`${variableOf(name)}\``, `\`${flagOf(name)}\``, `\`${name}\``, shown, about, allowed];
  });
  const head = ['Variable', 'Flag', 'In a file', 'Default', 'What it is', 'Allowed'];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function given<V>(of: Kind<V>, fallback: string, group: string, about: string): Field<V> {
  return { ...of, group, about, fallback, fallbackText: fallback === '' ? 'none' : fallback };
}

function unset<V>(
  of: Kind<V>,
  fallbackText: string,
  group: string,
  about: string,
): Field<V | null> {
  return { ...of, group, about, fallback: null, fallbackText };
}
