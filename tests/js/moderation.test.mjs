// Moderation by clients of chat.v1, and what clients of each protocol are refused: docs/moderation.md.
import assert from 'node:assert/strict';
import { connectSocketIo } from './socket_io_support.mjs';
import { connectRaw } from './stomp_support.mjs';
import { connectV1, jsonTextOf, startTestd, test } from './support.mjs';

const roles = { member: '1', moderator: '2', owner: '3' };
const actions = { kick: '1', ban: '2', mute: '3', slow_mode: '4', members_only: '5', read_only: '6' };

async function run(testd, ...words) {
  const { error } = await testd.command(words[0], 0, ...words.slice(1));
  assert.equal(error, 'OK');
}

const setRole = (testd, user, role) => run(testd, 'set-role', 'dev', user, roles[role]);

function moderate(testd, action, { user = '', duration = 0, value = 0, reason = '' } = {}) {
  return run(testd, 'moderate', 'dev', actions[action], user, String(duration), String(value), reason);
}

// Resolves to the reply, whatever its type.
async function request(client, object) {
  client.sendJson(object);
  return JSON.parse(jsonTextOf(await client.messages.take((data) => JSON.parse(jsonTextOf(data)).ref === object.ref)));
}

const enter = (t, testd, user) => connectV1(t, testd, `?room=dev&user_id=${user}&name=${user}`);

for (const threads of [0, 2]) {
  test(`a moderator mutes, slows, bans and kicks, threads=${threads}`, async (t) => {
    const testd = await startTestd(t, [`threads=${threads}`, 'moderation_events=1']);
    const mod = await enter(t, testd, 'mod');
    const bob = await enter(t, testd, 'bob');
    const ask = (client, what) => request(client, { type: 'moderate', room: 'dev', ...what });

    let reply = await ask(mod, { action: 'mute', user: 'bob', duration_ms: 60_000, ref: 1 });
    assert.equal(reply.code, 'forbidden');
    await setRole(testd, 'mod', 'moderator');

    reply = await ask(mod, { action: 'mute', user: 'bob', duration_ms: 60_000, reason: 'spam', ref: 2 });
    assert.deepEqual(reply, { type: 'moderated', ref: 2, room: 'dev', action: 'mute' });
    const { time, ...told } = await bob.takeType('moderation', ({ action }) => action === 'mute');
    assert.equal(typeof time, 'number');
    assert.deepEqual(told, {
      type: 'moderation',
      room: 'dev',
      action: 'mute',
      user: 'bob',
      name: 'bob',
      by: 'mod',
      duration_ms: 60_000,
      reason: 'spam',
    });
    const audit = await testd.event('audit', ({ action }) => action === 'mute');
    assert.equal(audit.actor_name, 'mod');
    assert.equal(audit.user_id, 'bob');
    reply = await request(bob, { type: 'send', text: 'hi', ref: 3 });
    assert.equal(reply.code, 'muted');
    assert.ok(reply.retry_after_ms > 0 && reply.retry_after_ms <= 60_000);
    assert.match(reply.reason, /^muted in this room for \d+ s$/);

    await ask(mod, { action: 'mute', user: 'bob', ref: 4 });
    await ask(mod, { action: 'slow_mode', value: 3_600_000, ref: 5 });
    assert.equal((await request(bob, { type: 'send', text: 'one', ref: 6 })).type, 'ack');
    assert.equal((await request(bob, { type: 'send', text: 'two', ref: 7 })).code, 'slow_mode');
    assert.equal((await request(mod, { type: 'send', text: 'one', ref: 8 })).type, 'ack');
    assert.equal((await request(mod, { type: 'send', text: 'two', ref: 9 })).type, 'ack');
    await ask(mod, { action: 'slow_mode', value: 0, ref: 10 });

    await ask(mod, { action: 'read_only', value: true, ref: 11 });
    assert.equal((await request(bob, { type: 'send', text: 'x', ref: 12 })).code, 'read_only');
    await ask(mod, { action: 'read_only', value: false, ref: 13 });
    assert.equal((await request(bob, { type: 'send', event: 'moderation', text: 'x', ref: 14 })).code, 'invalid_event');

    await ask(mod, { action: 'kick', user: 'bob', reason: 'calm down', ref: 15 });
    assert.equal((await bob.takeType('left')).reason, 'calm down');
    assert.equal((await request(bob, { type: 'join', room: 'dev', ref: 16 })).type, 'joined');
    await ask(mod, { action: 'ban', user: 'bob', duration_ms: 60_000, ref: 17 });
    assert.equal((await bob.takeType('left')).reason, 'banned');
    assert.equal((await request(bob, { type: 'join', room: 'dev', ref: 18 })).code, 'banned');
    assert.equal((await request(bob, { type: 'history', room: 'dev', ref: 19 })).code, 'banned');

    // Only an owner makes moderators.
    assert.equal((await ask(mod, { action: 'role', user: 'bob', value: 'moderator', ref: 20 })).code, 'forbidden');
    const boss = await enter(t, testd, 'boss');
    await setRole(testd, 'boss', 'owner');
    reply = await ask(boss, { action: 'role', user: 'eve', value: 'moderator', ref: 21 });
    assert.equal(reply.type, 'moderated');
    const eve = await enter(t, testd, 'eve');
    assert.equal((await ask(eve, { action: 'slow_mode', value: 1, ref: 22 })).type, 'moderated');
  });
}

test('a client learns of its role and of slow mode when it joins', async (t) => {
  const testd = await startTestd(t);
  await setRole(testd, 'mod', 'moderator');
  await setRole(testd, 'boss', 'owner');
  await moderate(testd, 'slow_mode', { value: 30_000 });
  const standing = ({ user, role, slow_mode }) => ({ user, role, slow_mode });
  for (const [user, role, slow_mode] of [['mod', 'moderator'], ['boss', 'owner'], ['bob', undefined, 30_000]]) {
    const { welcome } = await enter(t, testd, user);
    assert.deepEqual(standing(welcome), { user, role, slow_mode });
    // In another room it is a member. Joining again tells what holds now.
    const elsewhere = await connectV1(t, testd, `?user_id=${user}&name=${user}`);
    assert.deepEqual(standing(elsewhere.welcome), { user, role: undefined, slow_mode: undefined });
    const joined = await request(elsewhere, { type: 'join', room: 'dev', ref: 1 });
    assert.deepEqual([joined.type, standing(joined)], ['joined', { user: undefined, role, slow_mode }]);
  }
  const guest = await connectV1(t, testd, '?room=dev');
  assert.deepEqual(standing(guest.welcome), { user: undefined, role: undefined, slow_mode: 30_000 });
  await moderate(testd, 'slow_mode');
  assert.equal((await request(guest, { type: 'join', room: 'dev', ref: 1 })).slow_mode, undefined);
});

test('faults of a moderate command are named', async (t) => {
  const testd = await startTestd(t);
  const boss = await enter(t, testd, 'boss');
  await setRole(testd, 'boss', 'owner');
  const faults = [
    [{}, /action is missing/],
    [{ action: 'smite' }, /action is unknown/],
    [{ action: 'kick' }, /exactly one of client, user and address/],
    [{ action: 'kick', client: 'x' }, /client is no id/],
    [{ action: 'kick', client: '999' }, /no such client/],
    [{ action: 'role', user: 'bob', value: 'king' }, /value is no role/],
    [{ action: 'slow_mode', value: -1 }, /value is not a non-negative integer/],
    [{ action: 'ban', user: 'bob', duration_ms: 1.5 }, /duration_ms is not a non-negative integer/],
    [{ action: 'ban', address: 'home', duration_ms: 1 }, /neither an address nor a CIDR block/],
    [{ action: 'read_only', value: 2 }, /value is 2/],
  ];
  let ref = 0;
  for (const [what, reason] of faults) {
    const reply = await request(boss, { type: 'moderate', ref: ++ref, ...what });
    assert.equal(reply.type, 'error');
    assert.match(reply.reason, reason);
  }
});

test('every protocol has its own form of a refusal', async (t) => {
  const testd = await startTestd(t, ['moderation_events=1']);
  const socket = await connectSocketIo(t, testd, { namespace: '/dev', auth: { user_id: 'bob', name: 'Bob' } });
  const stomp = await connectRaw(t, testd);
  const post = async () => {
    const response = await fetch(testd.http('/rooms/dev/messages?user_id=ann&name=Ann'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ text: 'hi' }),
    });
    return { status: response.status, retry: response.headers.get('retry-after'), body: await response.json() };
  };
  const emit = () => socket.ask('chat message', 'hi').then(([answer]) => answer);

  await moderate(testd, 'slow_mode', { value: 3_600_000 });
  const [, told] = await socket.events.take(([name]) => name === 'moderation');
  assert.deepEqual(told, { action: 'slow_mode', value: 3_600_000 });
  assert.equal((await post()).status, 201);
  let refused = await post();
  assert.equal(refused.status, 429);
  assert.equal(refused.body.code, 'slow_mode');
  assert.ok(Number(refused.retry) > 1_000 && Number(refused.retry) <= 3_600);
  assert.equal(typeof (await emit()).seq, 'number');
  refused = await emit();
  assert.equal(refused.error, 'slow_mode');
  assert.ok(refused.retry_after_ms > 1_000_000);

  await moderate(testd, 'slow_mode');
  await moderate(testd, 'read_only', { value: 1 });
  refused = await post();
  assert.equal(refused.status, 403);
  assert.equal(refused.body.code, 'read_only');
  assert.equal((await emit()).error, 'read_only');
  await stomp.done('SUBSCRIBE', { id: '1', destination: '/user/queue/errors' });
  stomp.send('SEND', { destination: '/topic/dev', receipt: '1' }, 'hi');
  const frame = await stomp.take();
  assert.equal(frame.command, 'MESSAGE');
  assert.equal(JSON.parse(frame.body).error, 'read_only');

  await moderate(testd, 'read_only');
  await moderate(testd, 'mute', { user: 'ann', duration: 60_000 });
  refused = await post();
  assert.equal(refused.status, 403);
  assert.equal(refused.body.code, 'muted');
  assert.ok(Number(refused.retry) > 1 && Number(refused.retry) <= 60);
  await moderate(testd, 'mute', { user: 'bob', duration: 60_000 });
  assert.equal((await emit()).error, 'muted');

  await moderate(testd, 'members_only', { value: 1 });
  const answer = await fetch(testd.http('/rooms/dev/messages'));
  assert.equal(answer.status, 403);
  assert.equal((await answer.json()).code, 'forbidden');
});
