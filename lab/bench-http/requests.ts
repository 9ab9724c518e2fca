/**
 * The same two operations in the words of both systems: the lab's HTTP contract, and etcd's JSON
 * gateway, where keys and values travel as base64.
 */

export const SYSTEMS = ['lab', 'etcd'] as const;
export type SystemName = (typeof SYSTEMS)[number];

export const OPERATIONS = ['put', 'get'] as const;
export type Operation = (typeof OPERATIONS)[number];

export const VALUE_BYTES = 64;

export type HttpRequest = {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string | null;
};

/** Makes the request on key number `key`; `version` is put into the value that is stored. */
export type RequestMaker = (key: number, version: number) => HttpRequest;

/**
 * What only an answer to a request that was done holds. A get of an absent key is `200` at etcd,
 * and would be a cheaper read than the one to be measured.
 */
export const DONE_MARK: Readonly<Record<SystemName, Readonly<Record<Operation, string>>>> = {
  lab: { put: '"status":"ok"', get: '"value":"' },
  etcd: { put: '"revision"', get: '"value":"' },
};

const MAKERS: Readonly<Record<SystemName, Readonly<Record<Operation, RequestMaker>>>> = {
  lab: {
    put: (key, version) => ({
      method: 'POST',
      path: '/kv/put',
      body: `{"key":"${keyText(key)}","value":"${valueText(version)}"}`,
    }),
    get: (key) => ({ method: 'GET', path: `/kv/get?key=${keyText(key)}`, body: null }),
  },
  etcd: {
    put: (key, version) => ({
      method: 'POST',
      path: '/v3/kv/put',
      body: `{"key":"${btoa(keyText(key))}","value":"${btoa(valueText(version))}"}`,
    }),
    // Linearizable: that is the default, `serializable` would be the other way.
    get: (key) => ({
      method: 'POST',
      path: '/v3/kv/range',
      body: `{"key":"${btoa(keyText(key))}"}`,
    }),
  },
};

export function requestMaker(system: SystemName, operation: Operation): RequestMaker {
  return MAKERS[system][operation];
}

function keyText(key: number): string {
  return `key-${String(key).padStart(6, '0')}`;
}

function valueText(version: number): string {
  return String(version).padStart(VALUE_BYTES, 'v');
}
