/** Scenarios without faults: what a cluster does all day. */
import type { Scenario } from './scenario.ts';
import { ALL, call, caughtUp, get, post, served } from './steps.ts';

export const BASICS: readonly Scenario[] = [
  {
    name: 'smoke',
    about: 'A healthy cluster stores, finds, replaces and deletes, whichever server is asked.',
    nodes: 3,
    steps: [
      served(ALL),
      call('whoLeads', post('/kv/put', { key: 'smoke', value: 'first' }), 200, { status: 'ok' }),
      call('whoLeads', get('/kv/get?key=smoke'), 200, { value: 'first' }),
      call('follower', get('/kv/get?key=smoke&at=follower'), 200, { value: 'first' }),
      call('whoFollows', post('/kv/put', { key: 'smoke', value: 'second' }), 409, {
        error: 'not_leader',
      }),
      call('whoLeads', { method: 'DELETE', path: '/kv/delete', body: { key: 'smoke' } }, 200, {
        existed: true,
      }),
      call('whoLeads', get('/kv/get?key=smoke'), 404, { error: 'key_not_found' }),
      call('whoLeads', post('/items/smoke', { value: 1 }), 201),
      call('other', get('/items/smoke'), 200, { value: 1 }),
      call('whoFollows', { method: 'PUT', path: '/items/smoke', body: { value: 2 } }, 307),
    ],
  },
  {
    name: 'replication',
    about: 'What one server has acknowledged, every server holds soon after.',
    nodes: 3,
    steps: [
      served(ALL),
      call('whoLeads', post('/kv/put', { key: 'copied', value: [1, 2, 3] }), 200),
      ...ALL.map((role) =>
        call(role, get('/kv/get?key=copied&consistency=stale'), 200, { value: [1, 2, 3] }, 5000),
      ),
      caughtUp(ALL, 'all have applied what was committed after'),
    ],
  },
  {
    name: 'cas',
    about:
      'Of two exchanges that expect the same value, the first succeeds and the second does not.',
    nodes: 3,
    steps: [
      served(ALL),
      call('whoLeads', post('/kv/cas', { key: 'once', expected: null, desired: 'mine' }), 200),
      call('whoLeads', post('/kv/cas', { key: 'once', expected: null, desired: 'yours' }), 409, {
        error: 'cas_mismatch',
        actual: 'mine',
      }),
      call('whoLeads', post('/kv/cas', { key: 'once', expected: 'mine', desired: null }), 200),
      call('other', get('/kv/get?key=once&at=follower'), 404, { error: 'key_not_found' }),
    ],
  },
];
