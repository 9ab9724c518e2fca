/**
 * Runs the commands of the README, so that what it says works:
 *
 *     npm exec -c 'node scripts/readme.ts'
 *
 * A fenced `sh` block is run line after line, until one fails. Blocks that install, and those below
 * a comment `<!-- long … -->`, are passed over. Nothing is written to `results/`: `/tmp/` becomes a
 * temporary directory, and sweeps without `--out` get one there.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Block = {
  /** Line of its first command, counted from 1. */
  readonly line: number;
  readonly commands: readonly string[];
  /** Why it is not run here, or `null`. */
  readonly passedOver: string | null;
};

const LIMIT_S = 240;
const WRITES_RESULTS = new RegExp(
  /^npm run (experiment|bench|quorum|torture|mutate)/.source +
    /(?! -- (merge|compare)\b)(?!.*--(list|help|out)\b)/.source,
);

/** The fenced `sh` blocks of a Markdown text. */
export function blocksOf(markdown: string): Block[] {
  const blocks = markdown.matchAll(/(<!-- long\b[^>]*-->\n+)?^```sh\n([\s\S]*?)^```$/gm);
  return [...blocks].map(({ 0: whole, 1: long, 2: text = '', index }) => {
    const before = markdown.slice(0, index + whole.indexOf('```sh\n'));
    const commands = text.split('\n').filter((each) => each !== '' && !each.startsWith('#'));
    const installs = commands.some((command) => /\bnpm ci\b/.test(command));
    const passedOver = installs ? 'it installs' : long === undefined ? null : 'it is long';
    return { line: before.split('\n').length + 1, commands, passedOver };
  });
}

/** The command with its results in `scratch`, in the directory `out` where it names none. */
export function redirected(command: string, scratch: string, out: string): string {
  const bare = command.replace(/\s+#.*$/, '').replaceAll('/tmp/', `${scratch}/`);
  if (!WRITES_RESULTS.test(bare)) return bare;
  return `${bare}${bare.includes(' -- ') ? '' : ' --'} --out ${join(scratch, out)}`;
}

/** Resolves to `null`, or to what went wrong. */
function run(commands: readonly string[]): Promise<string | null> {
  // A process group of its own, so that the limit ends what npm has started as well.
  const shell = spawn('sh', ['-e', '-c', commands.join('\n')], {
    detached: true,
    stdio: 'inherit',
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL');
  }, LIMIT_S * 1000);
  return new Promise((resolve) => {
    shell.once('error', (error) => resolve(error.message));
    shell.once('close', (status) => {
      clearTimeout(timer);
      if (late) resolve(`not done after ${LIMIT_S} s`);
      else resolve(status === 0 ? null : `exit status ${status}`);
    });
  });
}

async function main(): Promise<number> {
  process.chdir(join(import.meta.dirname, '..'));
  const scratch = mkdtempSync(join(tmpdir(), 'readme-'));
  let ran = 0;
  try {
    for (const { line, commands, passedOver } of blocksOf(readFileSync('README.md', 'utf8'))) {
      const place = `README.md:${line}`;
      if (passedOver !== null) {
        console.log(`${place}: not run, ${passedOver}`);
        continue;
      }
      console.log(`${place}: ${commands.join('; ')}`);
      const wrong = await run(
        commands.map((command, i) => redirected(command, scratch, `${line + i}`)),
      );
      if (wrong !== null) {
        console.error(`${place}: ${wrong}`);
        return 1;
      }
      ran++;
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  console.log(`README.md: ${ran} blocks ran`);
  return ran > 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
