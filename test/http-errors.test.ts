/**
 * Shows what becomes of a request that ends badly behind the HTTP interface: for every way in which
 * a command, a read or a change of membership can end, the status, the code, and whether it is
 * definite; and where a request is sent that only the leader serves.
 *
 *     npx ava test/http-errors.test.ts
 */
import test from 'ava';
import { encodeClientId } from '../src/command.ts';
import type { AdministrationReply, Reply } from '../src/http/service.ts';
import { type Call, createCaller } from './support/http-caller.ts';
import { type Scripted, startScripted } from './support/http-scripted.ts';

let scripted: Scripted;
let call: Call;

test.before(async () => {
  scripted = await startScripted();
  call = await createCaller(scripted.url);
});

test.after.always(() => scripted.stop());

const WRITES: readonly (readonly [method: string, path: string, json?: unknown])[] = [
  ['POST', '/kv/put', { key: 'a', value: 1 }],
  ['DELETE', '/kv/delete?key=a'],
  ['POST', '/kv/cas', { key: 'a', expected: 1, desired: 2 }],
  ['POST', '/items/a', { value: 1 }],
  ['PUT', '/items/a', { value: 1 }],
  ['DELETE', '/items/a'],
  ['PUT', '/items/a/cas', { expected: 1, desired: 2 }],
  ['POST', '/session'],
];
const READS: typeof WRITES = [
  ['GET', '/kv/get?key=a'],
  ['GET', '/kv/get?key=a&consistency=log'],
  ['GET', '/items/a'],
];

type Ending = readonly [
  status: Reply['status'],
  httpStatus: number,
  error: string,
  isDefinite: boolean,
];

const ENDINGS: readonly Ending[] = [
  ['noQuorum', 503, 'no_quorum', false],
  ['outcomeUnknown', 503, 'outcome_unknown', false],
  ['notExecuted', 503, 'not_executed', true],
  ['overloaded', 503, 'overloaded', true],
  ['storageFull', 507, 'storage_full', true],
];
const SESSION_ENDINGS: readonly Ending[] = [
  ['tooManyPending', 503, 'overloaded', true],
  ['sessionExpired', 410, 'session_expired', true],
  ['stale', 409, 'stale_request', false],
];

function end(status: Reply['status']): void {
  scripted.service.reply = { status, value: null, index: 0, term: 0 };
}

for (const [status, httpStatus, error, isDefinite] of [...ENDINGS, ...SESSION_ENDINGS]) {
  test.serial(`a write that ends as ${status} is ${httpStatus} ${error}`, async (t) => {
    end(status);
    for (const [method, path, json] of WRITES) {
      const ofSession = SESSION_ENDINGS.some(([ending]) => ending === status);
      if (ofSession && path === '/session') continue;
      const answer = await call(method, path, { json });
      t.is(answer.status, httpStatus, path);
      t.like(answer.body, { error, definite: isDefinite });
    }
  });
}

for (const [status, httpStatus, error] of ENDINGS) {
  test.serial(`a read that ends as ${status} is ${httpStatus} ${error}, definitely`, async (t) => {
    end(status);
    for (const [method, path] of READS) {
      const answer = await call(method, path);
      t.is(answer.status, httpStatus, path);
      t.like(answer.body, { error, definite: true });
    }
  });
}

test.serial('a server that fails at a request says so, logs it, and goes on', async (t) => {
  scripted.service.reply = new Error('something broke');
  for (const [method, path, json] of [...WRITES, ...READS]) {
    const answer = await call(method, path, { json });
    t.is(answer.status, 500, path);
    t.like(answer.body, { error: 'internal_error' });
    t.false(answer.text.includes('something broke'));
  }
  t.is(scripted.logged.length, WRITES.length + READS.length);
  end('ok');
  t.is((await call('POST', '/kv/put', { json: { key: 'a', value: 1 } })).status, 200);
});

test.serial('a registration answers with the id as text', async (t) => {
  const value = encodeClientId(2 ** 52 + 7);
  scripted.service.reply = { status: 'ok', value, index: 1, term: 1 };
  const { status, body } = await call('POST', '/session', { json: {} });
  t.is(status, 201);
  t.is(body.clientId, '4503599627370503');
});

test.serial('/kv names the leader, with its public URL where that is known', async (t) => {
  end('notLeader');
  for (const publicUrl of [null, 'http://localhost:8002']) {
    scripted.service.known = { id: 'node2:8000', publicUrl };
    const answer = await call('GET', '/kv/get?key=a');
    t.is(answer.status, 409);
    t.is(answer.body.leader, 'node2:8000');
    t.is(answer.body.leaderUrl, publicUrl ?? undefined);
  }
});

test.serial(
  '/items sends on to the public URL whoever came by one, and others inside',
  async (t) => {
    end('notLeader');
    scripted.service.known = { id: 'node2:8000', publicUrl: 'http://localhost:8002/' };
    const locations: readonly (readonly [host: string, location: string])[] = [
      ['localhost:8001', 'http://localhost:8002/items/a%20b?x=1'],
      ['LocalHost:8001', 'http://localhost:8002/items/a%20b?x=1'],
      ['node1:8000', 'http://node2:8000/items/a%20b?x=1'],
      ['localhost', 'http://node2:8000/items/a%20b?x=1'],
      ['what is this', 'http://node2:8000/items/a%20b?x=1'],
    ];
    for (const [host, location] of locations) {
      const answer = await call('DELETE', '/items/a%20b?x=1', { headers: { host } });
      t.is(answer.status, 307);
      t.like(answer.body, { error: 'not_leader', leader: 'node2:8000', definite: true });
      t.is(answer.headers.location, location, host);
    }
  },
);

test.serial("a Host is known as this server's own however it is written", async (t) => {
  end('notLeader');
  const own: readonly (readonly [publicUrl: string, host: string])[] = [
    ['http://localhost:8001', 'LOCALHOST.:8001'],
    ['http://raft.example', 'raft.example:80'],
    ['https://raft.example', 'raft.example:443'],
    ['https://raft.example', 'Raft.Example.:443'],
    ['https://raft.example.', 'raft.example'],
    ['http://[::1]:8001', '[0:0:0:0:0:0:0:1]:8001'],
  ];
  const { self } = scripted.service;
  t.teardown(() => scripted.service.name(self.publicUrl));
  scripted.service.known = { id: 'node2:8000', publicUrl: 'https://other.example' };
  for (const [publicUrl, host] of own) {
    scripted.service.name(publicUrl);
    const { status, headers } = await call('DELETE', '/items/a', { headers: { host } });
    t.is(status, 307);
    t.is(headers.location, 'https://other.example/items/a', `${host} of ${publicUrl}`);
  }
});

test.serial('a redirect that would lead back to the same URL names the leader', async (t) => {
  end('notLeader');
  const { self } = scripted.service;
  t.teardown(() => scripted.service.name(self.publicUrl));
  const shared: readonly (readonly [publicUrl: string, host: string])[] = [
    ['http://localhost:8001', 'localhost:8001'],
    ['http://localhost:8001/', 'LocalHost.:8001'],
    ['https://raft.example', 'raft.example'],
    ['https://raft.example', 'raft.example:443'],
    // By the leader's own address to another server: whoever sent it here would again.
    ['http://localhost:8001', 'node2:8000'],
  ];
  for (const [publicUrl, host] of shared) {
    scripted.service.name(publicUrl);
    scripted.service.known = { id: 'node2:8000', publicUrl };
    const named = { error: 'not_leader', leader: 'node2:8000', leaderUrl: publicUrl };
    for (const [method, path, json] of [
      ['POST', '/items/a', { value: 1 }],
      ['GET', '/items/a?consistency=log', undefined],
      ['POST', '/session', undefined],
    ] as const) {
      const body = json === undefined ? {} : { json };
      const answer = await call(method, path, { headers: { host }, ...body });
      t.is(answer.status, 409, host);
      t.like(answer.body, { ...named, definite: true });
      t.is(answer.headers.location, undefined);
    }
    const inside = await call('GET', '/items/a?consistency=log', { headers: { host: 'b:1' } });
    t.is(inside.headers.location, 'http://node2:8000/items/a?consistency=log');
  }
});

test.serial(
  'Raft-Forward goes before what the server was told, and is true or false',
  async (t) => {
    end('notLeader');
    scripted.service.known = { id: 'node2:8000', publicUrl: null };
    for (const [said, forwards] of [
      ['true', true],
      ['on', true],
      ['false', false],
      ['off', false],
    ] as const) {
      const headers = { 'raft-forward': said };
      const write = await call('POST', '/items/a', { headers, json: { value: 1 } });
      t.is(scripted.service.forwarded, forwards);
      // Who asked for the leader's answer is not sent to the leader.
      t.is(write.status, forwards ? 409 : 307);
      await call('GET', '/kv/get?key=a', { headers });
      t.is(scripted.service.forwarded, forwards);
      for (const own of ['consistency=stale', 'at=follower']) {
        await call('GET', `/kv/get?key=a&${own}`, { headers });
        t.false(scripted.service.forwarded, own);
      }
    }
    for (const [method, path, json] of [...WRITES, ...READS]) {
      const body = json === undefined ? {} : { json };
      const answer = await call(method, path, { headers: { 'raft-forward': 'yes' }, ...body });
      t.is(answer.status, 400);
      t.is(answer.body.error, 'invalid_raft_forward');
    }
  },
);

test.serial('nobody is sent to no leader, nor back to a leader that is handing over', async (t) => {
  end('notLeader');
  for (const known of [null, scripted.service.self]) {
    scripted.service.known = known;
    for (const [method, path, json] of [...WRITES, ...READS]) {
      const answer = await call(method, path, { json });
      t.is(answer.status, 503, path);
      t.like(answer.body, { error: 'leader_unknown', definite: true });
    }
  }
});

type Refused = Extract<AdministrationReply, { kind: 'refused' }>['reason'];

test.serial('every way in which a change of membership can be refused has its code', async (t) => {
  const join = ['POST', '/raft/join', { peer: 'node4:8000' }] as const;
  const leave = ['POST', '/raft/leave', { peer: 'node4:8000' }] as const;
  const transfer = ['POST', '/raft/transfer', { to: 'node2:8000' }] as const;
  const refusals: readonly (readonly [
    typeof join | typeof leave | typeof transfer,
    Refused,
    number,
    string,
    boolean,
  ])[] = [
    [join, 'changeInProgress', 409, 'change_in_progress', true],
    [join, 'notWaiting', 409, 'not_waiting', true],
    [join, 'catchUpTimeout', 504, 'catch_up_timeout', true],
    [join, 'outcomeUnknown', 503, 'outcome_unknown', false],
    [leave, 'notMember', 409, 'not_member', true],
    [leave, 'lastVoter', 409, 'last_voter', true],
    [leave, 'transferTimeout', 504, 'transfer_timeout', true],
    [leave, 'changeInProgress', 409, 'change_in_progress', true],
    [transfer, 'notVoter', 409, 'not_voter', true],
    [transfer, 'transferTimeout', 504, 'transfer_timeout', true],
    [transfer, 'outcomeUnknown', 503, 'outcome_unknown', false],
  ];
  for (const [[method, path, json], reason, status, error, isDefinite] of refusals) {
    scripted.service.administration = { kind: 'refused', reason, message: 'it may not be' };
    const answer = await call(method, path, { json });
    t.is(answer.status, status, reason);
    t.like(answer.body, { error, message: 'It may not be.', definite: isDefinite });
  }
});
