/**
 * `npm run bench -- http`: a cluster of processes beside etcd, over HTTP, on one disk. Writes
 * `results/bench-http/`.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { messageOf, mistake, oneLine } from '../../src/user-error.ts';
import { useThrowawayAuthority } from '../processes/tls.ts';
import type { Content } from '../report/content.ts';
import { shortMs, shortNumber, textTable } from '../report/table.ts';
import { measuredOn, writeContent } from '../report/write-content.ts';
import type { Manifest } from '../results.ts';
import { refreshIndex } from '../results-index/refresh.ts';
import { EXIT_INTERRUPTED } from '../sweep/interruption.ts';
import { manifestOf } from '../sweep/manifest.ts';
import { makeWritable, outputDirectory, shownPath } from '../sweep/output-directory.ts';
import type { OwnContext } from '../sweep/own-commands.ts';
import { parseArguments, QUESTION, type Request } from './arguments.ts';
import { probeDisk } from './disk.ts';
import { type BenchHttpDocument, documentText, ratiosOf, rowsOf } from './document.ts';
import { etcdVersion, startEtcd } from './etcd-cluster.ts';
import { complaintsOf, findingsOf } from './findings.ts';
import { startLab } from './lab-cluster.ts';
import { measureAll } from './measure.ts';
import type { System } from './system.ts';

const NAME = 'bench-http';
const COLUMNS = 100;
const EXIT_NOT_OK = 1;

type RunRequest = Extract<Request, { kind: 'run' }>;

/** The command: takes the words behind its name, and returns the exit status. */
export async function main(words: readonly string[], context: OwnContext): Promise<number> {
  const { stdout, stderr } = context;
  const request = parseArguments(words, Math.min(stdout.columns ?? 80, COLUMNS));
  if (request.kind === 'help') {
    stdout.write(request.text);
    return 0;
  }
  const sweep = { name: NAME, isDefault: request.isDefault };
  const out = outputDirectory(context.resultsDirectory, sweep, request.out, undefined);
  makeWritable(out);
  if (request.tls) useThrowawayAuthority();
  const etcd = request.systems.includes('etcd') ? await etcdVersion() : null;
  if (etcd === null && !request.systems.includes('lab')) {
    throw mistake(
      '--only',
      'etcd',
      'lab, as there is no etcd to run (Debian has it in etcd-server)',
    );
  }
  const data = dataDirectory(request.data);
  const startedAt = new Date().toISOString();
  const where = context.surroundings();
  const { signal, release } = context.interruption();
  try {
    const document = await measured(request, etcd, data, signal, (line) =>
      stderr.write(`${line}\n`),
    );
    const kept = words.filter((word) => word !== '--json');
    const command = ['npm run bench -- http', ...kept].join(' ');
    const { seed } = request.plan;
    const manifest = manifestOf({ experiment: NAME, command, seed, startedAt }, where);
    const path = await writeReport(out, document, manifest);
    const told = request.json ? stderr : stdout;
    told.write(`${terminalTable(document, told.columns ?? COLUMNS)}\n`);
    for (const complaint of complaintsOf(document)) stderr.write(`${complaint}\n`);
    told.write(`report: ${shownPath(path)}\n`);
    await refreshIndex(context.resultsDirectory, stderr);
    if (request.json) stdout.write(documentText(document));
    return 0;
  } catch (error) {
    if (signal.aborted) {
      stderr.write('stopped: nothing was written\n');
      return EXIT_INTERRUPTED;
    }
    stderr.write(`the benchmark failed: ${oneLine(messageOf(error))}\n`);
    return EXIT_NOT_OK;
  } finally {
    release();
    rmSync(data, { recursive: true, force: true });
  }
}

/** One of its own, which is gone afterwards. */
function dataDirectory(asked: string | undefined): string {
  const parent = resolve(asked ?? tmpdir());
  try {
    mkdirSync(parent, { recursive: true });
    return mkdtempSync(join(parent, 'bench-http-'));
  } catch (error) {
    const allowed = `a directory that can be made and written (${messageOf(error)})`;
    throw mistake('--data', parent, allowed);
  }
}

async function measured(
  { plan, systems: wanted }: RunRequest,
  etcd: string | null,
  data: string,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<BenchHttpDocument> {
  const loadBefore = Number((loadavg()[0] as number).toFixed(2));
  const disk = probeDisk(data);
  const systems: System[] = [];
  try {
    if (wanted.includes('lab')) systems.push(await startLab(join(data, 'lab')));
    if (etcd !== null) systems.push(await startEtcd(join(data, 'etcd'), etcd));
    else if (wanted.includes('etcd')) tell('there is no etcd to run: the lab is measured alone');
    const rows = rowsOf(await measureAll(systems, plan, signal, tell));
    const versions = Object.fromEntries(systems.map(({ name, version }) => [name, version]));
    return { schemaVersion: 1, plan, versions, disk, loadBefore, rows, ratios: ratiosOf(rows) };
  } finally {
    await Promise.all(systems.map((system) => system.close()));
  }
}

function writeReport(
  directory: string,
  document: BenchHttpDocument,
  manifest: Manifest,
): Promise<string> {
  const content: Content = {
    name: NAME,
    question: QUESTION,
    complaints: complaintsOf(document),
    ...findingsOf(document),
    provenance: measuredOn(manifest),
    command: manifest.command,
  };
  return writeContent(directory, { content, document: documentText(document), manifest });
}

function terminalTable({ rows, ratios }: BenchHttpDocument, columns: number): string {
  const ratioOf = (of: (ratio: BenchHttpDocument['ratios'][number]) => number): string[] =>
    rows.map(({ system, operation, connections }) => {
      const found = ratios.find(
        (ratio) => ratio.operation === operation && ratio.connections === connections,
      );
      return found === undefined || system !== 'lab' ? '' : of(found).toFixed(2);
    });
  const table = textTable(
    [
      { head: 'operation', cells: rows.map(({ operation }) => operation), left: true },
      { head: 'system', cells: rows.map(({ system }) => system), left: true },
      { head: 'connections', cells: rows.map(({ connections }) => String(connections)) },
      { head: 'per second', cells: rows.map(({ perSecond }) => shortNumber(perSecond)) },
      { head: 'over etcd', cells: ratioOf(({ perSecond }) => perSecond), drop: 2 },
      { head: 'p50 ms', cells: rows.map(({ latencyMsP50 }) => shortMs(latencyMsP50)) },
      { head: 'p99 ms', cells: rows.map(({ latencyMsP99 }) => shortMs(latencyMsP99)) },
      { head: 'over etcd', cells: ratioOf(({ latencyP99 }) => latencyP99), drop: 1 },
      {
        head: 'cpu µs',
        cells: rows.map(({ serverCpuUsPerRequest }) => shortNumber(serverCpuUsPerRequest)),
        drop: 3,
      },
    ],
    columns,
  );
  return table.join('\n');
}
