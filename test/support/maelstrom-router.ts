/**
 * Maelstrom's part, played by ourselves: it starts a process per server, hands every line that one
 * of them prints to whom it is for, and loses and cuts on the way. Clients are reached always.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import type { Json } from '../../src/canonical-json.ts';
import { chance, fork, type RandomState } from '../../src/raft/random.ts';

export const SCRIPT = new URL('../../scripts/maelstrom-node', import.meta.url).pathname;

/** For what surely comes, on however busy a machine. */
export const PATIENCE_MS = 30_000;

export type Body = { readonly [field: string]: Json };
type Message = { readonly src: string; readonly dest: string; readonly body: Body };

export type RouterOptions = {
  readonly ids: readonly string[];
  readonly seed: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Another way to the script. */
  readonly script?: string;
};

export class Server {
  readonly process: ChildProcessWithoutNullStreams;
  readonly exited: Promise<number | null>;
  log = '';

  constructor(script: string, environment: Readonly<Record<string, string>>) {
    const env = { PATH: process.env.PATH, ...environment };
    this.process = spawn(script, { cwd: tmpdir(), env });
    this.exited = once(this.process, 'close').then(([code]) => code as number | null);
    this.process.stderr.on('data', (text) => {
      this.log += text;
    });
    // It may be killed while something is written to it.
    this.process.stdin.on('error', () => {});
  }

  write(text: string): void {
    if (this.process.stdin.writable) this.process.stdin.write(text);
  }
}

export class Router {
  readonly options: RouterOptions;
  readonly servers = new Map<string, Server>();
  /** Share of the messages between servers that is lost. */
  loss = 0;
  /** How long those that are not take. */
  latencyMs = 0;
  /** Whether a message is cut off; changed as a test likes. */
  isCut: (message: Message) => boolean = () => false;
  readonly counts = { passed: 0, lost: 0, cut: 0 };
  /** What came on a standard output and is no message. */
  readonly strayLines: string[] = [];
  readonly #rng: RandomState;
  readonly #asked = new Map<number, (reply: Body) => void>();
  #latest = 0;

  constructor(options: RouterOptions) {
    this.options = options;
    this.#rng = fork(options.seed, 'network');
  }

  /** Starts a server and initialises it; resolves to its answer. */
  async start(id: string): Promise<Body | null> {
    this.launch(id);
    return this.init(id);
  }

  async startAll(): Promise<void> {
    await Promise.all(this.options.ids.map((id) => this.start(id)));
  }

  launch(id: string): Server {
    const { script = SCRIPT, environment = {} } = this.options;
    const server = new Server(script, environment);
    this.servers.set(id, server);
    const lines = createInterface({ input: server.process.stdout });
    lines.on('line', (line) => this.#route(line));
    return server;
  }

  init(id: string): Promise<Body | null> {
    return this.ask('c0', id, { type: 'init', node_id: id, node_ids: this.options.ids });
  }

  async kill(id: string): Promise<void> {
    const server = this.#server(id);
    server.process.kill('SIGKILL');
    await server.exited;
  }

  /** Closes their standard inputs; resolves to their exit codes. */
  end(): Promise<(number | null)[]> {
    const running = [...this.servers.values()];
    return Promise.all(
      running.map((server) => {
        server.process.stdin.end();
        return server.exited;
      }),
    );
  }

  async killAll(): Promise<void> {
    await Promise.all([...this.servers.keys()].map((id) => this.kill(id)));
  }

  /** The answer, or `null` if none came in time. */
  ask(client: string, id: string, body: Body, timeoutMs = PATIENCE_MS): Promise<Body | null> {
    const asked = ++this.#latest;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#asked.delete(asked);
        resolve(null);
      }, timeoutMs);
      this.#asked.set(asked, (reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      this.#deliver({ src: client, dest: id, body: { ...body, msg_id: asked } });
    });
  }

  #server(id: string): Server {
    const server = this.servers.get(id);
    if (server === undefined) throw new Error(`${id} was never started`);
    return server;
  }

  #route(line: string): void {
    const message = messageIn(line);
    if (message === null) this.strayLines.push(line);
    else if (message.dest.startsWith('c')) this.#answer(message);
    else if (this.isCut(message)) this.counts.cut++;
    else if (chance(this.#rng, this.loss)) this.counts.lost++;
    else {
      this.counts.passed++;
      if (this.latencyMs === 0) this.#deliver(message);
      else setTimeout(() => this.#deliver(message), this.latencyMs);
    }
  }

  #answer({ body }: Message): void {
    const asked = body.in_reply_to as number;
    const hear = this.#asked.get(asked);
    this.#asked.delete(asked);
    hear?.(body);
  }

  #deliver(message: Message): void {
    this.servers.get(message.dest)?.write(`${JSON.stringify(message)}\n`);
  }
}

function messageIn(line: string): Message | null {
  try {
    const { src, dest, body } = JSON.parse(line);
    const isMessage = typeof src === 'string' && typeof dest === 'string' && body !== undefined;
    return isMessage ? { src, dest, body } : null;
  } catch {
    return null;
  }
}
