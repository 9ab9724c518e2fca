/** What a server is told at its start; `src/config-fields.ts` lists it as its user sees it. */
import { parseAddress } from './address.ts';
import {
  FIELD_NAMES,
  FIELDS,
  type FieldName,
  flagOf,
  type Values,
  variableOf,
} from './config-fields.ts';
import { type Sayings, sayingsOf } from './config-sources.ts';
import type { Settings } from './raft/types.ts';
import { type Certificates, unfitness } from './transport/certificates.ts';
import type { LinkSettings } from './transport/link.ts';
import { mistake, UserError } from './user-error.ts';

export type Config = {
  /** The advertised address, `host:port`: what the other servers know and reach it by. */
  readonly nodeId: string;
  /** Where it listens. */
  readonly host: string;
  readonly port: number;
  /** Addresses of the other first members; counts at the first start only. */
  readonly peers: readonly string[];
  readonly dataDir: string;
  /** Starts empty and waits to be joined; counts at the first start only. */
  readonly join: boolean;
  /** Where people reach it from outside. */
  readonly publicUrl: string | null;
  /** Where it does not lead it asks the leader for its clients, unless they say otherwise. */
  readonly forward: boolean;
  readonly clusterId: string;
  /** Peers prove that they know it. */
  readonly clusterToken: string | null;
  /** Names that it may be called by beside its own, and whose pages may change something. */
  readonly allowedHosts: readonly string[];
  /** `null`: without TLS. */
  readonly certificates: Certificates | null;
  readonly settings: Settings;
  /** Most commands that share a log entry. */
  readonly batchCommands: number;
  readonly requestTimeoutMs: number;
  readonly joinTimeoutMs: number;
  /** `PUT /lab/faults` is allowed. */
  readonly faults: boolean;
  /** The link model for what it sends to its peers. */
  readonly link: LinkSettings;
  readonly logLevel: string;
  readonly logFile: string | null;
};

export type ConfigRequest =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'run'; readonly config: Config }
  | {
      readonly kind: 'recoverAlone';
      readonly config: Config;
      /** The cluster to make, by its flag; `null`: one is drawn. */
      readonly newClusterId: string | null;
      /** The cluster that is to be found, by variable or file; `null`: whichever it is. */
      readonly oldClusterId: string | null;
    };

const KIB = 1024;
const MIB = 1024 * KIB;
const PORT_DEFAULT = 8001;
const KEPT_ENTRIES = 5000;

/** Throws a UserError for what is not allowed. */
export function readConfig(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  columns: number,
): ConfigRequest {
  const told = sayingsOf(words, environment, columns);
  if (typeof told === 'string') return { kind: 'help', text: told };
  const { sayings, recoversAlone } = told;
  const values = valuesOf(sayings);
  checkTimeouts(values, sayings);
  checkToken(values, sayings);
  const config = configOf(values);
  if (!recoversAlone) return { kind: 'run', config };
  const { clusterId } = sayings;
  const isFlag = clusterId?.name === flagOf('clusterId');
  return {
    kind: 'recoverAlone',
    config,
    newClusterId: isFlag ? config.clusterId : null,
    oldClusterId: isFlag || clusterId === undefined ? null : config.clusterId,
  };
}

/** Where a server keeps its data if it is not told, below `parent`. */
export function dataDirectory(parent: string, nodeId: string): string {
  return `${parent}/${nodeId.replaceAll(':', '_').replace(/[[\]]/g, '')}`;
}

function valuesOf(sayings: Sayings): Values {
  return Object.fromEntries(FIELD_NAMES.map((name) => [name, read(name, sayings)])) as Values;
}

function read(name: FieldName, sayings: Sayings): unknown {
  const { fallback, parse, secret } = FIELDS[name];
  const said = sayings[name];
  const text = said?.text ?? fallback;
  if (text === null) return null;
  const parsed = parse(text);
  if ('value' in parsed) return parsed.value;
  throw mistake(said?.name ?? variableOf(name), secret ? '…' : text, parsed.allowed);
}

/** Followers that hear no heartbeat within an election timeout stand for election. */
function checkTimeouts({ heartbeatMs, electionTimeoutMs }: Values, sayings: Sayings): void {
  const [low, high] = electionTimeoutMs;
  if (heartbeatMs < low) return;
  const name = (field: FieldName): string => sayings[field]?.name ?? variableOf(field);
  const range = `${name('electionTimeoutMs')} is ${low}-${high}`;
  throw mistake(
    name('heartbeatMs'),
    String(heartbeatMs),
    `less than ${low}, the shortest election timeout (${range})`,
  );
}

function checkToken({ clusterToken, clusterTokenFile }: Values, sayings: Sayings): void {
  if (clusterToken === null || clusterTokenFile === null) return;
  const { name, text } = sayings.clusterTokenFile ?? { name: 'CLUSTER_TOKEN_FILE', text: '' };
  throw mistake(name, text, 'nothing beside CLUSTER_TOKEN, which is set as well');
}

/** All three or none: half of it would be a server that somebody takes for protected. */
function certificatesOf({ tlsCert, tlsKey, tlsCa }: Values): Certificates | null {
  const set = { TLS_CERT: tlsCert, TLS_KEY: tlsKey, TLS_CA: tlsCa };
  const missing = Object.entries(set).flatMap(([name, text]) => (text === null ? name : []));
  if (missing.length === 3) return null;
  if (tlsCert === null || tlsKey === null || tlsCa === null) {
    throw new UserError(
      `${missing.join(' and ')} not set; TLS takes TLS_CERT, TLS_KEY and TLS_CA, or none of them`,
    );
  }
  const certificates = { cert: tlsCert, key: tlsKey, ca: tlsCa };
  const unfit = unfitness(certificates);
  if (unfit === null) return certificates;
  throw new UserError(`TLS_CERT, TLS_KEY and TLS_CA do not make TLS: ${unfit}`);
}

function configOf(values: Values): Config {
  const nodeId = values.nodeId ?? `127.0.0.1:${values.port ?? PORT_DEFAULT}`;
  return {
    nodeId,
    host: values.host,
    port: values.port ?? parseAddress(nodeId)?.port ?? PORT_DEFAULT,
    // A list of all members serves all of them; who waits to be joined has no peers yet.
    peers: values.join ? [] : values.peers.filter((peer) => peer !== nodeId),
    dataDir: values.dataDir ?? dataDirectory('.data', nodeId),
    join: values.join,
    publicUrl: values.publicUrl,
    forward: values.forward,
    clusterId: values.clusterId,
    clusterToken: values.clusterToken ?? values.clusterTokenFile,
    allowedHosts: values.allowedHosts,
    certificates: certificatesOf(values),
    settings: settingsOf(values),
    batchCommands: values.batch,
    requestTimeoutMs: values.requestTimeoutMs,
    joinTimeoutMs: values.joinTimeoutMs,
    faults: values.faults,
    link: values.link,
    logLevel: values.logLevel,
    logFile: values.logFile,
  };
}

function settingsOf(values: Values): Settings {
  return {
    electionTimeoutMs: values.electionTimeoutMs,
    heartbeatMs: values.heartbeatMs,
    preVote: values.prevote,
    checkQuorum: values.checkQuorum,
    leaderStickiness: true,
    parallelDiskWrite: true,
    windowMessages: values.window,
    batchEntries: values.batch,
    // A frame that takes long on a slow link holds up heartbeats.
    batchBytes: 64 * KIB,
    windowBytes: 16 * MIB,
    uncommittedBytes: 64 * MIB,
    snapshotEntries: values.snapshotEvery,
    snapshotBytes: 64 * MIB,
    // Who asks for snapshots often wants a short log.
    keptEntries: Math.min(KEPT_ENTRIES, values.snapshotEvery),
    keptBytes: 8 * MIB,
    chunkBytes: 256 * KIB,
    clockDriftPpm: values.clockDrift,
    catchUpTimeoutMs: values.joinTimeoutMs,
    adaptiveTimeout: null,
  };
}
