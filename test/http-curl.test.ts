/**
 * Shows that people's own curl lines work as they are typed: the ones that the contract was agreed
 * on, at the leader and, with `-L`, at a server that does not lead. Where there is no curl, it says
 * so.
 *
 *     npx ava test/http-curl.test.ts
 */
import { execFile, spawnSync } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';
import { HttpCluster } from './support/http-cluster.ts';

const HAS_CURL = spawnSync('curl', ['--version']).status === 0;

let cluster: HttpCluster;

test.before(async () => {
  cluster = await HttpCluster.start({ size: 3 });
});

test.after.always(() => cluster.stop());

function isMissing(t: ExecutionContext): boolean {
  if (HAS_CURL) return false;
  t.log('there is no curl here: not shown');
  t.pass();
  return true;
}

/** A line as a shell would take it, but for its quotes, which here enclose whole words only. */
function run(line: string): Promise<{ status: number; body: unknown }> {
  const words = [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? double ?? bare ?? '',
  );
  const [command = '', ...rest] = words;
  const options = ['--silent', '--max-time', '30', '--write-out', '\n%{http_code}'];
  return new Promise((resolve, reject) => {
    execFile(command, [...options, ...rest], (error, stdout) => {
      if (error !== null) {
        reject(error);
        return;
      }
      const [body = '', status = ''] = stdout.split(/\n(?=\d+$)/);
      resolve({ status: Number(status), body: JSON.parse(body) });
    });
  });
}

async function answers(
  t: ExecutionContext,
  line: string,
  status: number,
  body?: Readonly<Record<string, unknown>>,
): Promise<void> {
  const answer = await run(line);
  t.is(answer.status, status, line);
  if (body !== undefined) t.like(answer.body, body, line);
}

const IS_JSON = "-H 'Content-Type: application/json'";
const PUT_FOO = `-X POST URL/kv/put ${IS_JSON} -d '{"key": "foo", "value": "bar"}'`;
const DELETE_FOO = `-X DELETE URL/kv/delete ${IS_JSON} -d '{"key": "foo"}'`;
const CAS_ABC =
  '-L --header "Content-Type: application/json" --request PUT ' +
  `--data '{"expected":null,"desired":789}' URL/items/abc/cas`;
const DELETE_ABC = '--header "Content-Type: application/json" --request DELETE URL/items/abc';

test.serial("the contract's curl lines", async (t) => {
  if (isMissing(t)) return;
  const { leader, follower } = cluster;
  const at = (line: string, url: string): string => `curl ${line.replace('URL', url)}`;
  const host = leader.id.replace('127.0.0.1', 'localhost');
  await answers(t, at(PUT_FOO, host), 200, { status: 'ok', key: 'foo', value: 'bar' });
  await answers(t, `curl '${host}/kv/get?key=foo'`, 200, { key: 'foo', value: 'bar' });
  await answers(t, at(DELETE_FOO, host), 200, { status: 'ok', key: 'foo', existed: true });
  await answers(t, at(DELETE_FOO, host), 200, { existed: false });
  await answers(t, at(DELETE_ABC, leader.url), 404, { status: 'did not exist' });
  const publicUrl = String(follower.service.self.publicUrl);
  await answers(t, at(CAS_ABC, publicUrl), 200, { status: 'successfully exchanged' });
  await answers(t, at(`-L ${DELETE_ABC}`, publicUrl), 200, { value: 789 });
  await answers(t, at(CAS_ABC, follower.url), 200, { status: 'successfully exchanged' });
  await answers(t, `curl ${follower.url}/items/abc`, 200, { value: 789 });
  await answers(t, at(`-L ${DELETE_ABC}`, follower.url), 200, { value: 789 });
  await answers(t, at(DELETE_FOO, follower.url), 409, { error: 'not_leader' });
  const form = `curl -X POST ${leader.url}/kv/put -d '{"key":"foo","value":"bar"}'`;
  await answers(t, form, 415, { error: 'unsupported_media_type' });
  await answers(t, `curl -L -X POST ${follower.url}/session`, 201);
});

test.serial('curl writes keys as they are typed', async (t) => {
  if (isMissing(t)) return;
  const { url } = cluster.leader;
  await answers(t, `curl -X POST ${url}/items/größe ${IS_JSON} -d '{"value":[1]}'`, 201);
  await answers(t, `curl -G ${url}/kv/get --data-urlencode key=größe`, 200, { key: 'größe' });
});
