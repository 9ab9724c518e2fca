/** Questions to a server's HTTP interface, one by one and for people rather than for load. */
import type { IncomingMessage } from 'node:http';

export type Answered = {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
};

// A client for load takes longer to be loaded than a server to answer. So does this module where it
// is imported: all that it exports is loaded then.
const http = process.getBuiltinModule('node:http');

const LIMIT_MS = 2000;

type Options = {
  /** Makes it a POST. */
  readonly body?: Readonly<Record<string, unknown>>;
  readonly limitMs?: number;
  readonly signal?: AbortSignal;
};

/** `null` if no answer came in time. */
export async function ask(url: string, options: Options = {}): Promise<Answered | null> {
  const { body, limitMs = LIMIT_MS, signal } = options;
  const limit = AbortSignal.timeout(limitMs);
  try {
    const answer = await answerOf(url, {
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    });
    const content: unknown = JSON.parse(await textOf(answer));
    return { status: answer.statusCode ?? 0, body: { ...Object(content) } };
  } catch {
    return null;
  }
}

function answerOf(
  url: string,
  { body, signal }: { body: string | null; signal: AbortSignal },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const how = body === null ? {} : { method: 'POST', headers };
    const { request } = url.startsWith('https:') ? process.getBuiltinModule('node:https') : http;
    request(url, { ...how, signal }, resolve)
      .on('error', reject)
      .end(body ?? '');
  });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  answer.setEncoding('utf8');
  let text = '';
  for await (const part of answer) text += part;
  return text;
}
