/**
 * Golden interaction scripts: commands to a small cluster and, below a line `----`, what came of
 * them.
 *
 *     npm run golden                    rewrites every transcript in place: the diff is the review
 *     node test/raft/golden.ts [name …] compares, prints the differences, exits 1 if there are any
 *
 * A script is made of blocks parted by blank lines: comments (`#`), commands, `----`, transcript.
 *
 *   cluster n1 n2 n3 [preVote=off checkQuorum=off stickiness=off parallelDisk=off seed=1
 *                     election=150-300 heartbeat=50 catchUp=10000            times in ms
 *                     window=2 windowBytes=100 batch=3 uncommitted=100       and sizes in bytes
 *                     image=25 chunk=10 kept=0 snapshotEntries=5             snapshots, their size
 *                     drift=50000 (ppm: there are leases) adaptive=20x5 (floor in ms, round trips)]
 *   server n1 term=3 vote=n2 terms=1,1,3    starts it again from such a disk; a term per log entry
 *   blank n4           a server that knows of no members
 *   wipe n3            it loses its disk, and is n3#2
 *   campaign n1        moves the clock to the server's deadline and fires its timer, no other's
 *   heartbeat n1       the same, for a leader
 *   tick 50ms          lets time pass: timers fire, nothing is delivered
 *   run 500ms          lets time pass and delivers everything at once
 *   stabilize          delivers until nothing is in flight; no time passes
 *   deliver n1->n2 [kind] [first|last]    also n1->* and *->n2; all, unless told
 *   drop n1->n2 [kind] [first|last]         loses them
 *   duplicate n1->n2 [kind] [first|last]    puts copies at the end of the flight
 *   delay n1->n2 [kind] [first|last]      keeps them back from all that, until
 *   arrive n1->n2 [kind] [first|last]
 *   propose n1 x y     two commands        read n1 [readIndex|lease|follower] [id=1]
 *   configure n1 voters=n1,n2,n4 [learners=n5 catchUp=off]             transfer n1 n2
 *   disk n1 hold       until `disk n1 report [count]` or `disk n1 release` nothing is durable
 *   snapshot n1        takes one           snapshot n1 hold   until `report` or `release`, no
 *                      snapshot is durable, neither its own nor one it was sent
 *   crash n1           what was not reported durable is lost        restart n1
 *   cut n1->n2         isolate n1        heal            messages in flight stay in flight
 *   clock n1 100000    its clock runs so many ppm fast
 *   state [n1 …]       log        flight        disk n1          round n1 (trip, and its timeouts)
 *   quiet <command>    prints changes of role and answers only
 *
 * Every server's invariants and figure 3.2's properties are checked after every command.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { auditNetwork, createAudit } from './audit.ts';
import type { Stage } from './golden-stage.ts';
import { VERBS } from './golden-verbs.ts';

const FOLDER = new URL('.', import.meta.url);

function perform(stage: Stage, command: string): void {
  const parts = command.split(/\s+/);
  stage.quiet = parts[0] === 'quiet';
  const [name, ...rest] = stage.quiet ? parts.slice(1) : parts;
  const verb = VERBS[name ?? ''];
  if (verb === undefined) throw new Error(`no such command: ${name}`);
  const options = new Map(
    rest.filter((part) => part.includes('=')).map((part) => part.split('=') as [string, string]),
  );
  verb(stage, { words: rest.filter((part) => !part.includes('=')), options });
  if (stage.network !== null) auditNetwork(stage.audit, stage.network);
}

/** Plays a script; what comes back is the script with the transcript as it came out this time. */
export function play(name: string, script: string): string {
  const stage: Stage = {
    network: null,
    delayed: [],
    audit: createAudit(),
    nextRequestId: 1,
    quiet: false,
    lines: [],
  };
  const blocks = script.trimEnd().split(/\n\n+/);
  return `${blocks.map((block) => playBlock(stage, name, block)).join('\n\n')}\n`;
}

function playBlock(stage: Stage, name: string, block: string): string {
  const [asked = ''] = block.split(/^----$/m);
  const lines = asked.trimEnd().split('\n');
  stage.lines = [];
  let commands = 0;
  for (const line of lines) {
    if (line.startsWith('#')) continue;
    commands++;
    try {
      perform(stage, line);
    } catch (error) {
      if (error instanceof Error) {
        error.message = `${name}: ${line}: ${error.message}\n${stage.lines.join('\n')}`;
      }
      throw error;
    }
  }
  if (commands === 0) return lines.join('\n');
  return [...lines, '----', ...(stage.lines.length > 0 ? stage.lines : ['ok'])].join('\n');
}

export function scriptNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.txt'))
    .sort();
}

export function readScript(name: string): string {
  return readFileSync(new URL(name, FOLDER), 'utf8');
}

/** The first lines in which the two differ, with what leads up to them. */
function firstDifference(expected: string, actual: string): string {
  const wanted = expected.split('\n');
  const got = actual.split('\n');
  const at = wanted.findIndex((line, i) => line !== got[i]);
  const from = at < 0 ? wanted.length : at;
  return [
    ...wanted.slice(Math.max(0, from - 3), from).map((line) => `  ${line}`),
    ...wanted.slice(from, from + 5).map((line) => `- ${line}`),
    ...got.slice(from, from + 5).map((line) => `+ ${line}`),
  ].join('\n');
}

/** Null, and the reason on the terminal, where a command cannot be carried out. */
function tryToPlay(name: string, script: string): string | null {
  try {
    return play(name, script);
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
    return null;
  }
}

function main(flags: readonly string[]): void {
  const rewrite = flags.includes('--rewrite');
  const asked = flags.filter((flag) => flag !== '--rewrite');
  let different = 0;
  for (const name of scriptNames()) {
    if (asked.length > 0 && !asked.includes(name.replace(/\.txt$/, ''))) continue;
    const script = readScript(name);
    const played = tryToPlay(name, script);
    if (played === script) continue;
    if (played === null) process.exitCode = 1;
    if (played === null) continue;
    different++;
    if (rewrite) writeFileSync(new URL(name, FOLDER), played);
    console.log(`${rewrite ? 'rewritten' : 'differs'}: test/raft/${name}`);
    if (!rewrite) console.log(firstDifference(script, played));
  }
  if (!rewrite && different > 0) process.exitCode = 1;
}

if (import.meta.main) main(process.argv.slice(2));
