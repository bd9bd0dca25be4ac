// Assertions and small scenes that several files share.
import assert from 'node:assert/strict';
import { connect, person, rest, unique } from './client.mjs';

/** The value has exactly these members, none of them missing: `shape(ack, 'success seq threadId?')`. */
export function shape(value, members) {
  const said = JSON.stringify(value);
  assert.ok(value && typeof value === 'object', `no object: ${said}`);
  const optional = members.split(' ').filter((m) => m.endsWith('?')).map((m) => m.slice(0, -1));
  const required = members.split(' ').filter((m) => m && !m.endsWith('?'));
  const found = Object.keys(value).filter((key) => !optional.includes(key));
  assert.deepEqual(found.sort(), required.sort(), `members of ${said}`);
  for (const key of optional) assert.notEqual(value[key], null, `"${key}" is absent or has a value: ${said}`);
}

/** A time as the contract writes it: RFC 3339, UTC, milliseconds, `Z`, and of today. */
export function isTime(value) {
  assert.match(String(value), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Math.abs(Date.now() - Date.parse(value)) < 3_600_000, `${value} is not now`);
}

/** A failure whose details name `field`. */
export async function invalid(client, field, event, data) {
  const ack = await client.fails('INVALID_REQUEST', event, data);
  assert.ok(Array.isArray(ack.details), `details: ${JSON.stringify(ack)}`);
  for (const detail of ack.details) shape(detail, 'field message');
  assert.ok(ack.details.some((d) => d.field.includes(field)), `"${field}" in ${JSON.stringify(ack.details)}`);
}

/** New users, each connected by one of `transports`, together in a new open channel. */
export async function meet(transports, channelId = unique('canal'), names = ['ana', 'eva', 'leo']) {
  const people = transports.map((_, i) => person(names[i]));
  const clients = [];
  for (const [i, t] of transports.entries()) {
    clients.push(await connect({ ...t, as: people[i] }));
    await clients[i].ok('join_channel', { channelId });
  }
  for (const client of clients) await client.drain();
  return { channelId, people, clients };
}

/** A channel made over REST, owned by `owner`. */
export async function makeChannel(owner, { visibility = 'private', members = [], id = unique('sala') } = {}) {
  const made = await rest('POST', '/channels', { as: owner, body: { id, name: id, visibility, members: members.map((m) => m.id) } });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return id;
}

/** A REST call that must fail with a problem of this code. */
export async function problem(status, code, method, path, options) {
  const answer = await rest(method, path, options);
  const said = `${method} ${path} → ${answer.status} ${JSON.stringify(answer.body)}`;
  assert.equal(answer.status, status, said);
  assert.match(answer.headers.get('content-type'), /^application\/problem\+json/, said);
  assert.ok(JSON.stringify(answer.body).includes(`"${code}"`), said);
  return answer.body;
}

/** Adds (or changes) a member, as `owner`. */
export async function putMember(owner, channelId, member, role = 'member') {
  const path = `/channels/${channelId}/members/${encodeURIComponent(member.id)}`;
  const answer = await rest('PUT', path, { as: owner, body: { role } });
  assert.ok(answer.status >= 200 && answer.status < 300, `PUT ${path} → ${answer.status} ${JSON.stringify(answer.body)}`);
}

/** The entries of a channel's log after `lastSeq`, as `client` may read them. */
export async function replay(client, channelId, lastSeq = 0) {
  const events = [];
  for (let more = true; more;) {
    const { channels: [page] } = await client.ok('sync_request', { channels: [{ channelId, lastSeq }] });
    events.push(...page.events);
    ({ lastSeq, hasMore: more } = page);
  }
  return events;
}
