// The public API, by the names of its operations. The OpenAPI document that the server serves says where an operation is, what
// it takes and who may use it; nothing of that is written down here a second time.

import { state } from './state.js';

export class Problem extends Error {
  // `errors`: [{pointer, key, detail}] of single fields; `status` 0: the server was not reached.
  constructor({ status = 0, key = 'connection', title = '', detail = '', remedy = '', errors = [] }) {
    super([title, detail].filter(Boolean).join(': ') || key);
    Object.assign(this, { status, key, title, detail, remedy, errors });
  }
}

let description = null;
const operations = new Map();

export async function loadDescription() {
  if (description) return;
  description = await request('GET', '/v1/openapi.json');
  for (const [path, methods] of Object.entries(description.paths))
    for (const [method, about] of Object.entries(methods))
      if (about.operationId) operations.set(about.operationId, { path, method: method.toUpperCase(), ...about });
}

export function operation(id) {
  const found = operations.get(id);
  if (!found) throw new Error(`the API has no operation ${id}`);
  return found;
}

// A schema with its reference followed; `null` in an anyOf makes it optional.
export function schemaOf(schema) {
  if (schema?.$ref) {
    const { $ref, ...own } = schema;
    return { ...schemaOf(description.components.schemas[$ref.split('/').pop()]), ...own };
  }
  if (schema?.anyOf?.length === 2 && schema.anyOf[1].type === 'null') {
    const { anyOf, ...own } = schema;
    return { ...schemaOf(anyOf[0]), ...own, nullable: true };
  }
  return schema ?? {};
}

export const bodySchema = (id) => schemaOf(operation(id).requestBody?.content?.['application/json']?.schema);

// Of the objects that a list operation gives.
export function itemSchema(id) {
  const answer = Object.entries(operation(id).responses).find(([status]) => status.startsWith('2'))[1];
  return schemaOf(schemaOf(answer.content['application/json'].schema).properties.items.items);
}

// May somebody with these roles and duties use the operation at all? (Whose objects it may touch, the server says.)
export function isAllowed(id, me) {
  const about = operation(id);
  if (!about['x-right']) return true;
  if (!me) return false;
  const has = (wanted, own) => !wanted || wanted.length === 0 || wanted.some((w) => own.includes(w));
  return has(about['x-roles'], me.roles) && has(about['x-duties'], me.duties);
}

// `body`: an object, sent as JSON, or a Blob, sent as it is.
export async function request(method, path, { body, headers = {}, signal, as = 'json' } = {}) {
  const isFile = body instanceof Blob,
    type = body === undefined ? {} : { 'Content-Type': isFile ? 'application/octet-stream' : 'application/json' };
  let answer;
  try {
    answer = await fetch(path, {
      method,
      signal,
      credentials: 'same-origin',
      headers: { Accept: 'application/json', ...type, ...headers },
      body: body === undefined || isFile ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem({
      title: 'The server does not answer',
      remedy: 'Nothing that you typed is lost. Check the connection and try again.',
    });
  }
  if (answer.status === 204) return null;
  const isJson = (answer.headers.get('Content-Type') ?? '').includes('json');
  if (answer.status === 401 && state.me.value && path !== '/v1/log-in') state.isExpired.value = true;
  if (!answer.ok) throw new Problem({ status: answer.status, ...(isJson ? await answer.json() : { title: answer.statusText }) });
  if (as === 'blob') return answer.blob();
  if (as === 'version') return { object: await answer.json(), etag: answer.headers.get('ETag') };
  return isJson ? answer.json() : answer.text();
}

// The idempotency key of an attempt: the same one for the same request as long as nobody knows what has become of it.
export function useOfKeys() {
  let last = null;
  return {
    keyFor(...request) {
      const text = JSON.stringify(request);
      if (last?.text !== text) last = { text, key: crypto.randomUUID() };
      return last.key;
    },
    answered(problem = null) {
      const isOpen =
        problem &&
        (problem.status === 0 || problem.status === 429 || problem.status >= 500 || problem.key === 'idempotency.in_progress');
      if (!isOpen) last = null;
    },
  };
}

// `params` fill the path, the rest of them the query. Changes carry an idempotency key, so that a repeated attempt (`key`, by
// the caller) is the same change. Who acts for another organisation says so in each request (On-Behalf-Of).
export function call(id, params = {}, body = undefined, options = {}) {
  const { path, method, parameters = [] } = operation(id);
  const left = { ...params };
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => {
    const value = left[name];
    delete left[name];
    if (value === undefined || value === null || value === '') throw new Error(`${id} needs ${name}`);
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(left))
    if (value !== undefined && value !== null && value !== '') query.set(name, value);
  const headers = {};
  if (parameters.some((p) => p.name === 'Idempotency-Key')) headers['Idempotency-Key'] = options.key ?? crypto.randomUUID();
  if (state.behalf.value && parameters.some((p) => p.name === 'On-Behalf-Of')) headers['On-Behalf-Of'] = state.behalf.value;
  return request(method, filled + (query.size ? `?${query}` : ''), {
    body,
    ...options,
    headers: { ...headers, ...options.headers },
  });
}

// An operation that changes a version has to name it (If-Match): the object as it is now, with its version, read from the same path.
export function versionFor(id) {
  const { path, parameters = [] } = operation(id);
  if (!parameters.some((p) => p.name === 'If-Match' && p.required)) return null;
  return [...operations.values()].find((o) => o.path === path && o.method === 'GET')?.operationId ?? null;
}

// All items of a list, page by page, up to `most`; `more`: there are others.
export async function all(id, params = {}, { most = 2000, signal } = {}) {
  const items = [],
    isPaged = operation(id).parameters?.some((p) => p.name === 'limit');
  let cursor;
  do {
    const page = await call(id, { ...(isPaged ? { limit: 500 } : {}), ...params, cursor }, undefined, { signal });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < most);
  return { items, more: Boolean(cursor) };
}
