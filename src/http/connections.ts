/**
 * What is owed to connections. Who sends many requests before reading the answers has them answered
 * a few at a time, and is read from no further meanwhile; who reads nothing at all is left in the
 * end. HTTP itself sets no such bound (RFC 9112, 9.3.2).
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Room } from '../room.ts';

/** Requests of one connection that are under way at a time; so many once it has asked for less. */
const UNDER_WAY_MAX = 128;
const FIRST_UNDER_WAY = 4;
/** After an answer as long as this the next request waits until the client has taken it. */
const LONG_ANSWER_BYTES = 16 * 2 ** 10;
/** An answer begins only where less is owed. */
const OWED_BYTES_MAX = 256 * 2 ** 10;
const LOOK_EVERY_MS = 1000;

type Connection = {
  readonly socket: Socket;
  underWayMax: number;
  underWay: number;
  owedBytes: number;
  bodyBytes: number;
  /** Requests that have arrived and not begun. While there are any, nothing is read. */
  waiting: (() => void)[];
  isHeldBack: boolean;
  /** It ends if its client takes nothing for a time. */
  isTimed: boolean;
  isClosed: boolean;
};

/** Of one request. */
type Share = { owedBytes: number; bodyBytes: number };

/** Kept at what they are of: a map of so many that live so shortly costs the collector more. */
const CONNECTION = Symbol('connection');
const SHARE = Symbol('share');
type Known = Socket & { [CONNECTION]?: Connection };
type Request = IncomingMessage & { [SHARE]?: Share };

export class Connections {
  readonly #answers: Room;
  readonly #bodies: Room;
  readonly #stalledMs: number;
  readonly #open = new Set<Connection>();
  #looking: NodeJS.Timeout | null = null;

  /** `answers` has what is owed to all; nobody may take nothing for longer than `stalledMs`. */
  constructor(answers: Room, bodies: Room, stalledMs: number) {
    this.#answers = answers;
    this.#bodies = bodies;
    this.#stalledMs = stalledMs;
  }

  /** Calls `begin` when it is this request's turn; never if the connection ends before. */
  enter(request: Request, begin: () => void): void {
    const connection = this.#connectionOf(request.socket);
    if (connection.waiting.length === 0 && mayBegin(connection)) {
      start(request, connection);
      begin();
      return;
    }
    connection.waiting.push(() => {
      start(request, connection);
      begin();
    });
    connection.isHeldBack = true;
    connection.socket.pause();
  }

  /** The answer is there, `bytes` long. */
  owes(request: Request, bytes: number): void {
    const connection = this.#connectionOf(request.socket);
    const share = request[SHARE];
    if (share === undefined || connection.isClosed) return;
    const isLong = bytes >= LONG_ANSWER_BYTES;
    connection.underWayMax = isLong ? 1 : Math.min(UNDER_WAY_MAX, connection.underWayMax + 1);
    connection.owedBytes += bytes;
    share.owedBytes += bytes;
    this.#answers.take(bytes);
  }

  /** More of the body has come; false if there is no room for it. */
  holds(request: Request, bytes: number): boolean {
    const connection = this.#connectionOf(request.socket);
    const share = request[SHARE];
    if (share === undefined || connection.isClosed || !this.#bodies.has(bytes)) return false;
    connection.bodyBytes += bytes;
    share.bodyBytes += bytes;
    this.#bodies.take(bytes);
    return true;
  }

  /** What its next request waits for is this server and not its client. */
  isHeldBack(socket: Known): boolean {
    return socket[CONNECTION]?.isHeldBack === true;
  }

  close(): void {
    if (this.#looking !== null) clearInterval(this.#looking);
  }

  #connectionOf(socket: Known): Connection {
    const known = socket[CONNECTION];
    if (known !== undefined) return known;
    const connection: Connection = {
      socket,
      underWayMax: FIRST_UNDER_WAY,
      underWay: 0,
      owedBytes: 0,
      bodyBytes: 0,
      waiting: [],
      isHeldBack: false,
      isTimed: false,
      isClosed: false,
    };
    socket[CONNECTION] = connection;
    this.#open.add(connection);
    this.#looking ??= setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
    // Node goes on reading once its own buffer has drained.
    socket.on('resume', () => {
      if (connection.isHeldBack) socket.pause();
    });
    socket.once('close', () => this.#closed(connection));
    return connection;
  }

  /** The answer has been handed to the system. If that never comes to pass, the connection ends. */
  leave(request: Request): void {
    const connection = this.#connectionOf(request.socket);
    const share = request[SHARE];
    if (share === undefined || connection.isClosed) return;
    const { owedBytes, bodyBytes } = share;
    connection.underWay--;
    connection.owedBytes -= owedBytes;
    connection.bodyBytes -= bodyBytes;
    this.#answers.give(owedBytes);
    this.#bodies.give(bodyBytes);
    if (connection.owedBytes === 0) this.#paid(connection);
    const { waiting, socket } = connection;
    while (waiting.length > 0 && mayBegin(connection)) waiting.shift()?.();
    if (!connection.isHeldBack || waiting.length > 0) return;
    connection.isHeldBack = false;
    socket.resume();
  }

  #paid(connection: Connection): void {
    // Where nothing is under way any more, Node has set the time that it keeps a connection alive.
    if (connection.isTimed && connection.underWay > 0) connection.socket.setTimeout(0);
    connection.isTimed = false;
  }

  /** Answers that wait behind others are not told of it. */
  #closed(connection: Connection): void {
    connection.isClosed = true;
    connection.waiting = [];
    this.#open.delete(connection);
    this.#answers.give(connection.owedBytes);
    this.#bodies.give(connection.bodyBytes);
  }

  /** A socket knows whether anything of a long answer is taken, and ends if nothing is. */
  #look(): void {
    for (const connection of this.#open) {
      if (connection.isTimed || connection.owedBytes === 0) continue;
      connection.isTimed = true;
      connection.socket.setTimeout(this.#stalledMs);
    }
  }
}

function start(request: Request, connection: Connection): void {
  connection.underWay++;
  request[SHARE] = { owedBytes: 0, bodyBytes: 0 };
}

function mayBegin({ underWay, underWayMax, owedBytes }: Connection): boolean {
  return underWay < underWayMax && owedBytes < OWED_BYTES_MAX;
}
