/** What was seen of the contract: which routes answered how, and which errors came. */
import type { Answer, Call } from './http-caller.ts';

export class Seen {
  /** Such as `GET /items/{key} 200`. */
  readonly answers = new Set<string>();
  readonly errors = new Set<string>();

  recording(call: Call): Call {
    return async (method, path, options) => {
      const answer = await call(method, path, options);
      this.note(method, path, answer);
      return answer;
    };
  }

  note(method: string, path: string, { status, body }: Pick<Answer, 'status' | 'body'>): void {
    const plain = path.split('?', 1)[0] ?? '';
    const route = plain.replace(/^\/items\/[^/]+(?=\/cas$|$)/, '/items/{key}');
    this.answers.add(`${method} ${route} ${status}`);
    if (typeof body.error === 'string') this.errors.add(body.error);
  }
}
