// Moderation and reports by clients of chat.v1, and what clients of each protocol are refused: docs/moderation.md.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { connectSocketIo } from './socket_io_support.mjs';
import { connectRaw } from './stomp_support.mjs';
import { connectV1, startChatd, startTestd, test } from './support.mjs';

const roles = { member: '1', moderator: '2', owner: '3' };
const actions = { kick: '1', ban: '2', mute: '3', slow_mode: '4', members_only: '5', read_only: '6', clear: '9' };

async function run(testd, ...words) {
  const { error } = await testd.command(words[0], 0, ...words.slice(1));
  assert.equal(error, 'OK');
}

const setRole = (testd, user, role) => run(testd, 'set-role', 'dev', user, roles[role]);

function moderate(testd, action, { user = '', duration = 0, value = 0, reason = '' } = {}) {
  return run(testd, 'moderate', 'dev', actions[action], user, String(duration), String(value), reason);
}

const enter = (t, testd, user) => connectV1(t, testd, `?room=dev&user_id=${user}&name=${user}`);

for (const threads of [0, 2]) {
  test(`a moderator mutes, slows, bans and kicks, threads=${threads}`, async (t) => {
    const testd = await startTestd(t, [`threads=${threads}`, 'moderation_events=1']);
    const mod = await enter(t, testd, 'mod');
    const bob = await enter(t, testd, 'bob');
    const ask = (client, what) => client.request({ type: 'moderate', room: 'dev', ...what });

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
    reply = await bob.request({ type: 'send', text: 'hi', ref: 3 });
    assert.equal(reply.code, 'muted');
    assert.ok(reply.retry_after_ms > 0 && reply.retry_after_ms <= 60_000);
    assert.match(reply.reason, /^muted in this room for \d+ s$/);

    await ask(mod, { action: 'mute', user: 'bob', ref: 4 });
    await ask(mod, { action: 'slow_mode', value: 3_600_000, ref: 5 });
    assert.equal((await bob.request({ type: 'send', text: 'one', ref: 6 })).type, 'ack');
    assert.equal((await bob.request({ type: 'send', text: 'two', ref: 7 })).code, 'slow_mode');
    assert.equal((await mod.request({ type: 'send', text: 'one', ref: 8 })).type, 'ack');
    assert.equal((await mod.request({ type: 'send', text: 'two', ref: 9 })).type, 'ack');
    await ask(mod, { action: 'slow_mode', value: 0, ref: 10 });

    await ask(mod, { action: 'read_only', value: true, ref: 11 });
    assert.equal((await bob.request({ type: 'send', text: 'x', ref: 12 })).code, 'read_only');
    await ask(mod, { action: 'read_only', value: false, ref: 13 });
    assert.equal((await bob.request({ type: 'send', event: 'moderation', text: 'x', ref: 14 })).code, 'invalid_event');

    await ask(mod, { action: 'kick', user: 'bob', reason: 'calm down', ref: 15 });
    assert.equal((await bob.takeType('left')).reason, 'calm down');
    assert.equal((await bob.request({ type: 'join', room: 'dev', ref: 16 })).type, 'joined');
    await ask(mod, { action: 'ban', user: 'bob', duration_ms: 60_000, ref: 17 });
    assert.equal((await bob.takeType('left')).reason, 'banned');
    assert.equal((await bob.request({ type: 'join', room: 'dev', ref: 18 })).code, 'banned');
    assert.equal((await bob.request({ type: 'history', room: 'dev', ref: 19 })).code, 'banned');

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
  const standing = ({ user, role, slow_mode_ms }) => ({ user, role, slow_mode_ms });
  for (const [user, role, slow_mode_ms] of [['mod', 'moderator'], ['boss', 'owner'], ['bob', undefined, 30_000]]) {
    const { welcome } = await enter(t, testd, user);
    assert.deepEqual(standing(welcome), { user, role, slow_mode_ms });
    // In another room it is a member. Joining again tells what holds now.
    const elsewhere = await connectV1(t, testd, `?user_id=${user}&name=${user}`);
    assert.deepEqual(standing(elsewhere.welcome), { user, role: undefined, slow_mode_ms: undefined });
    const joined = await elsewhere.request({ type: 'join', room: 'dev', ref: 1 });
    assert.deepEqual([joined.type, standing(joined)], ['joined', { user: undefined, role, slow_mode_ms }]);
  }
  const guest = await connectV1(t, testd, '?room=dev');
  assert.deepEqual(standing(guest.welcome), { user: undefined, role: undefined, slow_mode_ms: 30_000 });
  await moderate(testd, 'slow_mode');
  assert.equal((await guest.request({ type: 'join', room: 'dev', ref: 1 })).slow_mode_ms, undefined);
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
    const reply = await boss.request({ type: 'moderate', ref: ++ref, ...what });
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

for (const threads of [0, 2]) {
  test(`a member reports a message, threads=${threads}`, async (t) => {
    const testd = await startTestd(t, [`threads=${threads}`]);
    const bob = await enter(t, testd, 'bob');
    const ann = await enter(t, testd, 'ann');
    assert.equal((await bob.request({ type: 'send', text: 'rude', ref: 1 })).seq, 1);
    const report = (client, what) => client.request({ type: 'report', room: 'dev', ...what });
    assert.deepEqual(await report(ann, { target: 1, reason: 'spam', ref: 2 }), { type: 'ack', ref: 2 });
    const { type, server, ...told } = await testd.event('report');
    assert.deepEqual(told, { room: 'dev', seq: 1, from: 'bob', user_id: 'ann', reason: 'spam' });
    // The same again is acknowledged, and not told again: the next event is that of the other person.
    assert.equal((await report(ann, { target: 1, reason: 'again', ref: 3 })).type, 'ack');
    assert.equal((await report(bob, { target: 1, ref: 4 })).type, 'ack');
    assert.equal((await testd.event('report')).user_id, 'bob');

    const faults = [
      [{ target: 2 }, 'no_such_message', /no message 2/],
      [{}, 'invalid_argument', /target is missing/],
      [{ target: '1' }, 'invalid_argument', /target is not a non-negative integer/],
      [{ target: 1, reason: 1 }, 'invalid_argument', /reason is not a string/],
      [{ target: 1, reason: 'x'.repeat(501) }, 'too_large', /longer than 500 bytes/],
      [{ target: 1, room: 'elsewhere' }, 'not_joined', /elsewhere/],
    ];
    let ref = 10;
    for (const [what, code, reason] of faults) {
      const reply = await report(ann, { ref: ++ref, ...what });
      assert.equal(reply.type, 'error');
      assert.equal(reply.code, code);
      assert.match(reply.reason, reason);
    }
    for (let seq = 2; seq <= 11; ++seq) {
      assert.equal((await bob.request({ type: 'send', text: 'rude', ref: 100 + seq })).seq, seq);
    }
    for (let seq = 2; seq <= 10; ++seq) assert.equal((await report(ann, { target: seq, ref: 200 + seq })).type, 'ack');
    const refused = await report(ann, { target: 11, ref: 300 });
    assert.equal(refused.code, 'rate_limited');
    assert.ok(refused.retry_after_ms > 0 && refused.retry_after_ms <= 60_000);
  });

  test(`a moderator deletes all messages of a user, threads=${threads}`, async (t) => {
    const testd = await startTestd(t, [`threads=${threads}`, 'moderation_events=1', 'history_messages=1000']);
    const mod = await enter(t, testd, 'mod');
    const bob = await enter(t, testd, 'bob');
    await setRole(testd, 'mod', 'moderator');
    const socket = await connectSocketIo(t, testd, { namespace: '/dev', auth: { user_id: 'eve', name: 'Eve' } });
    const spam = 150; // more than one turn
    assert.equal((await mod.request({ type: 'send', text: 'welcome', ref: 'w' })).seq, 1);
    for (let i = 1; i < spam; ++i) bob.sendJson({ type: 'send', text: `spam ${i}` });
    assert.equal((await bob.request({ type: 'send', text: 'spam', ref: 's' })).seq, spam + 1);

    assert.equal((await bob.request({ type: 'moderate', action: 'clear', user: 'mod', ref: 1 })).code, 'forbidden');
    const reply = await mod.request({ type: 'moderate', action: 'clear', user: 'bob', reason: 'spam', ref: 2 });
    assert.deepEqual(reply, { type: 'moderated', ref: 2, room: 'dev', action: 'clear' });
    assert.equal((await testd.event('audit', ({ action }) => action === 'clear')).user_id, 'bob');
    assert.equal((await mod.takeType('moderation', ({ action }) => action === 'clear')).reason, 'spam');
    for (let seq = spam + 1; seq > 1; --seq) {
      const told = await mod.takeType('delete');
      assert.equal(told.target, seq); // the newest first
      assert.equal(told.from.name, 'mod');
    }
    for (let seq = spam + 1; seq > 1; --seq) await socket.events.take(([name]) => name === 'chat delete');
    const history = await bob.request({ type: 'history', room: 'dev', ref: 3 });
    assert.deepEqual(history.messages.filter(({ deleted }) => !deleted).map(({ text }) => text), ['welcome']);
    assert.equal(history.messages.length, spam + 1);
  });
}

test('the owners and moderators of chatd are named in a file', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'libchat-users-'));
  t.after(() => rm(folder, { recursive: true }));
  const users = path.join(folder, 'users');
  await writeFile(users, [
    '# TOKEN USER ROLE...',
    'token-of-the-boss boss owner',
    'token-of-the-moderator mod moderator:dev',
    'token-of-bob-himself bob',
    '',
  ].join('\n'));
  const chatd = await startChatd(t, ['--users', users]);
  const come = (token) => connectV1(t, chatd, `?room=dev&token=${token}`);
  const boss = await come('token-of-the-boss');
  const mod = await come('token-of-the-moderator');
  const bob = await come('token-of-bob-himself');
  const guest = await connectV1(t, chatd, '?room=dev');
  const ask = (client, what) => client.request({ type: 'moderate', room: 'dev', ...what });

  assert.equal((await ask(guest, { action: 'mute', user: 'bob', duration_ms: 1000, ref: 1 })).code, 'forbidden');
  assert.equal((await ask(bob, { action: 'mute', user: 'mod', duration_ms: 1000, ref: 2 })).code, 'forbidden');
  const mute = { action: 'mute', user: 'bob', duration_ms: 60_000, reason: 'spam', ref: 3 };
  assert.equal((await ask(mod, mute)).type, 'moderated');
  await chatd.stderrMatching(/moderation: mute in "dev", user "bob", name "bob", 60000 ms, by "mod", reason "spam"\n/);
  assert.equal((await bob.request({ type: 'send', text: 'hi', ref: 4 })).code, 'muted');
  assert.equal((await ask(mod, { action: 'slow_mode', room: 'lobby', value: 1, ref: 5 })).code, 'forbidden');
  assert.equal((await ask(boss, { action: 'slow_mode', room: 'lobby', value: 1, ref: 6 })).type, 'moderated');
  assert.equal((await ask(boss, { action: 'role', user: 'bob', value: 'moderator', ref: 7 })).type, 'moderated');
  await chatd.stderrMatching(/moderation: role in "dev", user "bob", name "bob", value 2, by "boss"\n/);

  assert.equal((await guest.request({ type: 'send', text: 'rude', ref: 8 })).seq, 1);
  assert.equal((await mod.request({ type: 'report', target: 1, reason: 'rude "word"', ref: 9 })).type, 'ack');
  await chatd.stderrMatching(/report: message 1 in "dev" of guest "guest-\d+", by user "mod", reason "rude 'word'"\n/);

  const refused = await fetch(chatd.http('/rooms/dev/messages?token=token-of-nobody-at-all'));
  assert.equal(refused.status, 403);
});
