/** A server as a process of this machine: started, killed, paused and stopped like any other. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '../../src/user-error.ts';
import { endWithThisProcess } from './children.ts';
import { isFree, LOOPBACK } from './ports.ts';
import { ask } from './requests.ts';
import { authorityOf, schemeIn } from './tls.ts';

/** How a process ended: its exit status, or what killed it. */
export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type MemberSpec = {
  readonly port: number;
  readonly dataDir: string;
  /** Ids of the other first members. */
  readonly peers: readonly string[];
  /** It waits to be joined. */
  readonly join: boolean;
  /** Settings by their variables; they go before what this process has in its environment. */
  readonly environment: Readonly<Record<string, string>>;
};

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
/** A start is work of the processor, and beside other work takes ten times as long. */
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;
const HEALTH_EVERY_MS = 20;
const TAIL_LENGTH = 4096;

export class ProcessMember {
  /** Its address, too. */
  readonly id: string;
  readonly port: number;
  readonly url: string;
  readonly publicUrl: string;
  readonly dataDir: string;
  readonly logFile: string;
  /** The authority to trust; `null` without TLS. */
  readonly authority: string | null;
  readonly #spec: MemberSpec;
  /** Settings that it has been given since, by their variables. */
  #told: Readonly<Record<string, string>> = {};
  #child: ChildProcess | null = null;
  #ended: Promise<Ended> = Promise.resolve({ code: null, signal: null });
  #stderr = '';
  #isPaused = false;

  constructor(spec: MemberSpec) {
    this.#spec = spec;
    this.port = spec.port;
    this.id = `${LOOPBACK}:${spec.port}`;
    const environment = { ...process.env, ...spec.environment };
    const scheme = schemeIn(environment);
    this.authority = authorityOf(environment);
    this.url = `${scheme}//${this.id}`;
    this.publicUrl = spec.environment.PUBLIC_URL ?? `${scheme}//localhost:${spec.port}`;
    this.dataDir = spec.dataDir;
    this.logFile = join(spec.dataDir, 'node.log');
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Of the process that runs. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Resolves when the latest process has ended, however that came. */
  get exited(): Promise<Ended> {
    return this.#ended;
  }

  /** Where it was told to find the cluster's token, if that was said for it alone. */
  get tokenFile(): string | null {
    return this.#spec.environment.CLUSTER_TOKEN_FILE ?? null;
  }

  /** The end of what the latest process wrote to standard error. */
  get lastWords(): string {
    return this.#stderr.trim();
  }

  /**
   * Resolves when it answers `/health`. Rejects with what the process said if it ended instead, as
   * a UserError where it put that down to its settings.
   */
  async start(limitMs: number = START_LIMIT_MS): Promise<void> {
    if (this.isRunning) throw new Error(`${this.id} runs already`);
    if (!(await isFree(this.port))) {
      // Or whatever listens there would be taken for the process that could not.
      throw new UserError(`port ${this.port} is in use; stop what uses it, or choose another`);
    }
    mkdirSync(this.dataDir, { recursive: true });
    const child = this.#spawn();
    const deadlineMs = performance.now() + limitMs;
    while (performance.now() < deadlineMs) {
      if (this.#child !== child) throw await this.#startError();
      const health = await ask(`${this.url}/health`);
      if (health?.status === 200 && this.#child === child) return;
      await delay(HEALTH_EVERY_MS);
    }
    await this.kill();
    throw new Error(`${this.id} did not answer within ${limitMs / 1000} s; see ${this.logFile}`);
  }

  /** SIGKILL: nothing is written, answered or said any more. */
  async kill(): Promise<Ended> {
    this.#child?.kill('SIGKILL');
    return this.#ended;
  }

  /** SIGTERM, and SIGKILL for what does not end by that in time. */
  async stop(limitMs: number = STOP_LIMIT_MS): Promise<Ended> {
    const child = this.#child;
    if (child === null) return this.#ended;
    child.kill('SIGTERM');
    // Who is paused, by whomever, hears of it only now.
    child.kill('SIGCONT');
    this.#isPaused = false;
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    const ended = await this.#ended;
    clearTimeout(timer);
    return ended;
  }

  /** SIGSTOP: it does nothing, and knows of nothing when it goes on. */
  pause(): void {
    this.#isPaused = this.#child?.kill('SIGSTOP') ?? false;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#child?.kill('SIGCONT');
  }

  /** Its disk is lost. */
  wipe(): void {
    if (this.isRunning) throw new Error(`${this.id} runs; kill it before its data are wiped`);
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** Settings by their variables, from its next start on; they go before all others. */
  tell(environment: Readonly<Record<string, string>>): void {
    this.#told = { ...this.#told, ...environment };
  }

  /** `--recover-alone`, of what it left on its disk; rejects with what is said against it. */
  async recoverAlone(clusterId: string): Promise<void> {
    if (this.isRunning) throw new Error(`${this.id} runs; stop it before it is recovered`);
    this.#spawn(['--recover-alone', '--cluster-id', clusterId]);
    const { code } = await this.#ended;
    if (code !== 0) throw await this.#startError();
  }

  #spawn(words: readonly string[] = []): ChildProcess {
    const child = spawn(process.execPath, [MAIN, ...words], {
      env: { ...process.env, ...this.#environment() },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    endWithThisProcess(child);
    this.#child = child;
    this.#isPaused = false;
    this.#stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-TAIL_LENGTH);
    });
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#stderr += error.message;
      });
      // Unlike 'exit', not before all of standard error has come.
      child.once('close', (code, signal) => {
        this.#child = null;
        this.#isPaused = false;
        resolve({ code, signal });
      });
    });
    return child;
  }

  #environment(): Record<string, string> {
    const { dataDir, peers, join: waits, environment } = this.#spec;
    return {
      // Told from outside, Node keeps also what it makes of the first file that it reads.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(tmpdir(), 'node-compile-cache'),
      ...environment,
      NODE_ID: this.id,
      HOST: LOOPBACK,
      PORT: String(this.port),
      PEERS: peers.join(','),
      JOIN: String(waits),
      DATA_DIR: dataDir,
      PUBLIC_URL: this.publicUrl,
      LOG_FILE: this.logFile,
      ...this.#told,
    };
  }

  async #startError(): Promise<Error> {
    const { code } = await this.#ended;
    const words = this.lastWords.split('\n').at(-1) || `it ended; see ${this.logFile}`;
    const message = `${this.id}: ${words}`;
    return code === 2 ? new UserError(message) : new Error(message);
  }
}
