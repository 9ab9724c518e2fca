/**
 * The command `scripts/maelstrom-node`: standard input and output are the network, one message a
 * line, and standard error is the log.
 */
import { standardOutput } from '../standard-output.ts';
import type { Storage } from '../storage/storage.ts';
import { messageOf, oneLine, UserError } from '../user-error.ts';
import { Lines } from './lines.ts';
import { type Message, parseMessage } from './message.ts';
import { MaelstromServer } from './server.ts';
import { type MaelstromSettings, readSettings } from './settings.ts';
import { openStorage } from './storage.ts';

const { stdout, stderr } = standardOutput();

function main(): void {
  try {
    run(readSettings(process.env));
  } catch (error) {
    end(error);
  }
}

function run(settings: MaelstromSettings): void {
  const print = (message: Message): void => {
    stdout.write(`${JSON.stringify(message)}\n`);
  };
  const open = (name: string): Promise<Storage> => openStorage(name, settings.dataDirectory, log);
  const server = new MaelstromServer(settings, open, { print, log, fail: end });
  const lines = new Lines((line) => {
    const message = parseMessage(line);
    if (message === null) {
      log(`expected a message, a line {"src","dest","body":{"type"}}; got ${shown(line)}: ignored`);
      return;
    }
    server.receive(message);
  });
  const stop = (): void => {
    void server.stop().then(() => process.exit(0), end);
  };
  process.stdin.on('data', (chunk) => lines.push(chunk as Buffer));
  process.stdin.on('end', () => {
    lines.end();
    void server.settled().then(stop);
  });
  // Nobody listens any more.
  stdout.on('error', () => process.exit(0));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function log(text: string): void {
  stderr.write(`${oneLine(text)}\n`);
}

const SHOWN_BYTES = 100;

function shown(line: Uint8Array): string {
  const text = Buffer.from(line.subarray(0, SHOWN_BYTES)).toString();
  return line.byteLength > SHOWN_BYTES ? `${text}…` : text;
}

/** In one line: a mistake of the user ends it with status 2, all else with 1. */
function end(error: unknown): never {
  log(`maelstrom-node: ${messageOf(error)}`);
  process.exit(error instanceof UserError ? 2 : 1);
}

main();
