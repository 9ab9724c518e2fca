/**
 * Calls over real sockets. Every answer is held against what the server's own OpenAPI document says
 * of its route, status by status.
 */
import { connect } from 'node:net';
import fastify from 'fastify';
import { getGlobalDispatcher } from 'undici';

export type Fields = Readonly<Record<string, unknown>>;

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Of JSON that is an object; otherwise without fields. */
  readonly body: Fields;
};

export type CallOptions = {
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  /** Sent as JSON, and declared so. */
  readonly json?: unknown;
};

export type Call = (method: string, path: string, options?: CallOptions) => Promise<Answer>;

export type Operation = {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Fields }>> }>
  >;
};
export type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};

type Validate = ((data: unknown) => boolean) & { errors?: unknown };
type Compile = (schema: Fields) => Validate;

export async function createCaller(url: string): Promise<Call> {
  const { body } = await fetched(url, 'GET', '/openapi.json');
  const document = body as unknown as Document;
  const compile = await createCompile();
  return async (method, path, options = {}) => {
    const answer = await fetched(url, method, path, options);
    checkDescribed(document, compile, method, path, answer);
    return answer;
  };
}

async function fetched(
  url: string,
  method: string,
  path: string,
  { headers = {}, body, json }: CallOptions = {},
): Promise<Answer> {
  const asJson = json === undefined ? {} : { 'content-type': 'application/json' };
  const sent = json === undefined ? body : JSON.stringify(json);
  const response = await getGlobalDispatcher().request({
    origin: new URL(url).origin,
    // As it is: a URL would do away with dots and broken escapes.
    path,
    // The type has fewer methods than HTTP.
    method: method as 'GET',
    headers: { ...asJson, ...headers },
    body: sent ?? null,
  });
  const text = await response.body.text();
  return {
    status: response.statusCode,
    headers: response.headers,
    text,
    body: fieldsOf(text),
  };
}

function fieldsOf(text: string): Fields {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Fields) : {};
  } catch {
    return {};
  }
}

/** The framework's validator, as it comes: the document's schemas need nothing of ours. */
async function createCompile(): Promise<Compile> {
  const app = fastify({ ajv: { customOptions: { strict: false, coerceTypes: false } } });
  app.get('/', { schema: { querystring: {} } }, () => '');
  await app.ready();
  const compiled = new Map<Fields, Validate>();
  return (schema) => {
    let validate = compiled.get(schema);
    if (validate === undefined) {
      validate = app.validatorCompiler?.({ schema, method: 'GET', url: '/' }) as Validate;
      compiled.set(schema, validate);
    }
    return validate;
  };
}

function checkDescribed(
  document: Document,
  compile: Compile,
  method: string,
  path: string,
  { status, headers, text, body }: Answer,
): void {
  const operation = operationAt(document, method, path);
  const what = `${method} ${path.slice(0, 80)}: ${status} ${text.slice(0, 300)}`;
  if (status >= 300 && typeof body.message !== 'string') throw new Error(`no message: ${what}`);
  if (status >= 300 && typeof body.definite !== 'boolean') throw new Error(`neither: ${what}`);
  if (operation === null || method === 'HEAD') return;
  const described = operation.responses[status];
  if (described === undefined) throw new Error(`status not in the document: ${what}`);
  const type = String(headers['content-type']).split(';', 1)[0] ?? '';
  const schema = described.content?.[type]?.schema;
  if (schema === undefined) throw new Error(`${type} not in the document: ${what}`);
  if (type !== 'application/json') return;
  const validate = compile(schema);
  if (validate(JSON.parse(text))) return;
  throw new Error(`not as documented: ${what}\n${JSON.stringify(validate.errors)}`);
}

export function operationAt(document: Document, method: string, path: string): Operation | null {
  const plain = path.split('?', 1)[0] ?? '';
  const pattern = Object.keys(document.paths).find((template) =>
    new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '[^/]*')}$`).test(plain),
  );
  if (pattern === undefined) return null;
  return document.paths[pattern]?.[method.toLowerCase()] ?? null;
}

export type RawAnswer = { readonly status: number; readonly body: Fields };

/** Bytes as they are, over a connection of their own; all that came back until its end. */
export function exchangeBytes(
  url: string,
  ...parts: readonly (string | Uint8Array)[]
): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(Number(port), hostname, () => {
      for (const part of parts) socket.write(part);
    });
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      received += text;
    });
    // What came before a reset counts.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => resolve(received));
  });
}

/** The first answer in what came back. */
export function firstAnswer(received: string): RawAnswer {
  const [head = '', text = ''] = received.split('\r\n\r\n', 2);
  return { status: Number(head.split(' ', 2)[1]), body: fieldsOf(text) };
}
