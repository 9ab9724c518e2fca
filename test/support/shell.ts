/** A shell as a person has one open: it keeps variables, functions and jobs from line to line. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Longer than anything should take that a page has a person type. */
const LIMIT_MS = 60_000;
const END = '--- end of the answer ---';

export class Shell {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown[]>;
  #output = '';
  #look: () => void = () => {};

  constructor(cwd: string, environment: Readonly<Record<string, string>>) {
    // A process group of its own, so that its jobs end with it.
    this.#child = spawn('sh', [], {
      cwd,
      detached: true,
      env: { ...process.env, ...environment },
    });
    this.#closed = once(this.#child, 'close');
    this.#child.once('close', () => this.#look());
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
      this.#look();
    });
    // As on a terminal, where what goes wrong stands between the answers.
    this.#child.stdin.write('exec 2>&1\n');
  }

  /** What the command prints; rejects if it does not come to an end. */
  async run(command: string): Promise<string> {
    this.#output = '';
    this.#child.stdin.write(`${command}\necho\necho '${END}'\n`);
    await this.#ended(command);
    const [answer = ''] = this.#output.split(END);
    return answer.replaceAll('\r', '').trim();
  }

  async close(): Promise<void> {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // Neither it nor any of its jobs is left.
    }
    await this.#closed;
  }

  #ended(command: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (what: string): void => {
        clearTimeout(timer);
        reject(new Error(`${what}: ${command}\n${this.#output}`));
      };
      const timer = setTimeout(() => fail(`not done after ${LIMIT_MS} ms`), LIMIT_MS);
      this.#look = () => {
        if (this.#output.includes(END)) {
          clearTimeout(timer);
          resolve();
        } else if (this.#child.exitCode !== null) fail('the shell ended');
      };
      this.#look();
    });
  }
}
