/** Questions to a server's HTTP interface, one by one and for people rather than for load. */
import { request } from 'undici';

export type Answered = {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
};

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
  const post = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  } as const;
  try {
    const answer = await request(url, {
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
      ...(body === undefined ? {} : post),
    });
    const content: unknown = await answer.body.json();
    return { status: answer.statusCode, body: { ...Object(content) } };
  } catch {
    return null;
  }
}
