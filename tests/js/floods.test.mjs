// The rules of a room against floods, for clients of each protocol: repeated texts, links of newcomers, and first messages that
// wait for a moderator: docs/moderation.md.
import assert from 'node:assert/strict';
import { connectSocketIo } from './socket_io_support.mjs';
import { connectRaw } from './stomp_support.mjs';
import { connectV1, startTestd, test } from './support.mjs';

const enter = (t, testd, query) => connectV1(t, testd, `?room=dev&${query}`);

async function withModerator(t, options = []) {
  const testd = await startTestd(t, options);
  const mod = await enter(t, testd, 'user_id=mod&name=Mod');
  const { error } = await testd.command('set-role', 0, 'dev', 'mod', '2');
  assert.equal(error, 'OK');
  let ref = 0;
  const moderate = async (what) => mod.request({ type: 'moderate', room: 'dev', ...what, ref: `m${++ref}` });
  return { testd, mod, moderate };
}

async function post(testd, text, query = 'user_id=hal&name=Hal') {
  const response = await fetch(testd.http(`/rooms/dev/messages?${query}`), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ text }),
  });
  return { status: response.status, retry: Number(response.headers.get('retry-after')), body: await response.json() };
}

test('repeated texts are refused in every protocol', async (t) => {
  const { testd, mod, moderate } = await withModerator(t);
  assert.equal((await moderate({ action: 'no_repeats', value: 3_600_000 })).type, 'moderated');
  const ann = await enter(t, testd, 'user_id=ann&name=Ann');
  const say = (text, ref) => ann.request({ type: 'send', text, ref });
  assert.equal((await say('buy now', 1)).type, 'ack');
  assert.equal((await say('or never', 2)).type, 'ack');
  const refused = await say('BUY  now', 3);
  assert.equal(refused.code, 'repeated');
  assert.ok(refused.retry_after_ms > 3_000_000 && refused.retry_after_ms <= 3_600_000);
  assert.match(refused.reason, /^the same text again: wait \d+ s$/);

  const socket = await connectSocketIo(t, testd, { namespace: '/dev', auth: { user_id: 'ann', name: 'Ann' } });
  const emit = (...args) => socket.ask('chat message', ...args).then(([answer]) => answer);
  assert.equal((await emit('new')).error, undefined);
  assert.equal((await emit('new')).error, 'repeated');

  assert.equal((await post(testd, 'hi')).status, 201);
  const answer = await post(testd, 'hi');
  assert.equal(answer.status, 429);
  assert.equal(answer.body.code, 'repeated');
  assert.ok(answer.retry > 3_000);
  const stomp = await connectRaw(t, testd);
  await stomp.done('SUBSCRIBE', { id: '1', destination: '/user/queue/errors' });
  const publish = (receipt) => stomp.send('SEND', { destination: '/topic/dev', receipt }, 'yes');
  publish('1');
  assert.equal((await stomp.take()).command, 'RECEIPT');
  publish('2');
  assert.equal(JSON.parse((await stomp.take()).body).error, 'repeated');

  for (const ref of [4, 5]) assert.equal((await mod.request({ type: 'send', text: 'x', ref })).type, 'ack');
  assert.equal((await moderate({ action: 'no_repeats', value: 0 })).type, 'moderated');
  assert.equal((await say('buy now', 6)).type, 'ack');
  assert.equal((await moderate({ action: 'no_repeats', value: 86_400_001 })).code, 'invalid_argument');
});

test('newcomers send no links, nor put them into messages later', async (t) => {
  const { testd, moderate } = await withModerator(t);
  await moderate({ action: 'no_links', value: 3_600_000 });
  const guest = await enter(t, testd, '');
  const ask = (what, ref) => guest.request({ type: 'send', ...what, ref });
  const links = [{ text: 'https://example.org' }, { text: 'see Example.COM' }, { args: ['a', { b: 'www.example' }] }];
  for (const [ref, what] of links.entries()) {
    assert.equal((await ask(what, ref)).code, 'no_links');
  }
  const { seq } = await ask({ text: 'hello' }, 10);
  assert.equal(seq, 1);
  const refused = await ask({ text: 'now www.example' }, 11);
  assert.equal(refused.code, 'no_links');
  assert.ok(refused.retry_after_ms > 3_000_000);
  assert.equal((await guest.request({ type: 'edit', target: seq, text: 'http://x', ref: 12 })).code, 'no_links');
  assert.equal((await guest.request({ type: 'edit', target: seq, text: 'hi', ref: 13 })).type, 'ack');
  const socket = await connectSocketIo(t, testd, { namespace: '/dev' });
  const [answer] = await socket.ask('chat message', { deep: ['http://x'] });
  assert.equal(answer.error, 'no_links');
  const answer2 = await post(testd, 'http://x');
  assert.equal(answer2.status, 403);
  assert.equal(answer2.body.code, 'no_links');
});

for (const threads of [0, 2]) {
  test(`a first message waits until a moderator decides, threads=${threads}`, async (t) => {
    const { testd, mod, moderate } = await withModerator(t, [`threads=${threads}`]);
    await moderate({ action: 'hold_first', value: 3_600_000 });
    const guest = await enter(t, testd, '');
    const { id, name } = guest.welcome;
    guest.sendJson({ type: 'send', text: 'hello', ref: 1 });
    const { time, duration_ms: left, ...held } = await mod.takeType('moderation');
    assert.equal(typeof time, 'number');
    assert.ok(left > 3_000_000 && left <= 3_600_000);
    assert.deepEqual(held, {
      type: 'moderation',
      room: 'dev',
      action: 'held',
      client: id,
      name,
      event: 'chat message',
      text: 'hello',
    });
    // It goes on meanwhile.
    assert.equal((await guest.request({ type: 'ping', ref: 2 })).type, 'pong');
    assert.equal((await guest.request({ type: 'send', text: 'hello?', ref: 3 })).code, 'forbidden');

    assert.equal((await moderate({ action: 'approve', client: id })).type, 'moderated');
    const message = await mod.takeType('message');
    assert.equal(message.text, 'hello');
    assert.equal(message.from.id, id);
    assert.equal((await guest.takeType('ack')).ref, 1);
    assert.equal((await mod.takeType('moderation')).action, 'approve');
    assert.equal((await guest.request({ type: 'send', text: 'second', ref: 4 })).type, 'ack');
    assert.equal((await moderate({ action: 'approve', client: id })).code, 'no_such_message');
    assert.equal((await moderate({ action: 'approve' })).code, 'invalid_argument');

    const socket = await connectSocketIo(t, testd, { namespace: '/dev', auth: { user_id: 'eve', name: 'Eve' } });
    const asked = socket.ask('chat message', 'buy');
    const told = await mod.takeType('moderation', ({ action }) => action === 'held');
    assert.equal(told.user, 'eve');
    assert.equal((await moderate({ action: 'reject', user: 'eve', reason: 'no advertising' })).type, 'moderated');
    const [answer] = await asked;
    assert.equal(answer.error, 'forbidden');
    assert.equal(answer.reason, 'no advertising');

    // A POST waits for its answer.
    const posted = post(testd, 'by HTTP');
    await mod.takeType('moderation', ({ user }) => user === 'hal');
    await moderate({ action: 'approve', user: 'hal' });
    assert.equal((await posted).status, 201);
  });
}

test('without a moderator a first message is refused in the end', async (t) => {
  const { testd, mod, moderate } = await withModerator(t);
  await moderate({ action: 'hold_first', value: 100 });
  await mod.close();
  const guest = await enter(t, testd, '');
  const refused = await guest.request({ type: 'send', text: 'hello', ref: 1 });
  assert.equal(refused.code, 'forbidden');
  assert.equal(refused.reason, 'no moderator has approved the message');
});
