// Edits, deletions, reactions and replies in each protocol, with its official client: docs/messages.md.
import assert from 'node:assert/strict';
import { EventSource } from 'eventsource';
import { connectSocketIo } from './socket_io_support.mjs';
import { connectStompjs } from './stomp_support.mjs';
import { Queue, atEnd, connect, connectV1, startChatd, startTestd, test } from './support.mjs';

// Publishes a text; the number of the message.
async function say(client, text, fields = {}) {
  const { seq } = await client.request({ type: 'send', text, ref: `say ${text}`, ...fields }, 'ack');
  await client.takeType('message', (message) => message.seq === seq);
  return seq;
}

let refs = 0;

// Sends a request; the code of its error, or the number of the event. undefined: it has none.
async function ask(client, request) {
  const { type, code, seq } = await client.request({ ...request, ref: ++refs });
  return type === 'error' ? code : seq;
}

async function historyOf(client, fields = {}) {
  return (await client.request({ type: 'history', ref: `history ${++refs}`, ...fields }, 'history')).messages;
}

for (const threads of [0, 1, 3]) {
  test(`every protocol with a word for it hears of changes, threads=${threads}`, async (t) => {
    const testd = await startTestd(t, [`threads=${threads}`]);
    const ann = await connectV1(t, testd, '?room=dev&user_id=ann&name=Ann');
    const socket = await connectSocketIo(t, testd, { namespace: '/dev' });
    const source = new EventSource(testd.http('/rooms/dev/events'));
    atEnd(t, () => source.close());
    const events = new Queue();
    for (const name of ['message', 'edit', 'delete', 'reaction']) {
      source.addEventListener(name, ({ type, data, lastEventId }) => events.push({ name: type, lastEventId, ...JSON.parse(data) }));
    }
    await new Promise((resolve) => { source.onopen = resolve; });
    const stomp = await connectStompjs(t, testd);
    const unaware = await stomp.heard('/topic/dev');
    const aware = await stomp.heard('/topic/dev', { changes: 'true' });
    const plain = await connect(t, testd.url('/chat?room=dev'));
    // All are members, so that nothing is missed.
    while ((await testd.command('members', 0, 'dev')).members?.length < 5) continue;

    const seq = await say(ann, 'helo');
    assert.equal(seq, 1);
    assert.equal(await ask(ann, { type: 'edit', target: 1, text: 'hello' }), 2);
    assert.equal(await ask(ann, { type: 'react', target: 1, reaction: '👍' }), 3);
    assert.equal(await ask(ann, { type: 'react', target: 1, reaction: '👍' }), undefined);
    assert.equal(await ask(ann, { type: 'react', target: 1, reaction: '👍', remove: true }), 4);
    assert.equal(await ask(ann, { type: 'delete', target: 1 }), 5);
    assert.equal(await say(ann, 'last'), 6);

    const { epoch, time, from, ...edit } = await ann.takeType('edit');
    assert.deepEqual(edit, { type: 'edit', room: 'dev', seq: 2, target: 1, text: 'hello' });
    assert.ok(time > 0 && epoch === ann.welcome.epoch);
    assert.deepEqual(from, { id: ann.welcome.id, name: 'Ann' });
    const reactions = [await ann.takeType('react'), await ann.takeType('react')];
    assert.deepEqual(reactions.map(({ seq: number, target, reaction, added, count }) => [number, target, reaction, added, count]),
      [[3, 1, '👍', true, 1], [4, 1, '👍', false, 0]]);
    assert.equal((await ann.takeType('delete')).target, 1);

    const heard = [];
    for (let i = 0; i < 6; ++i) heard.push(await socket.events.take());
    assert.deepEqual(heard, [['chat message', 'helo'], ['chat edit', 1, 'hello'], ['chat react', 1, '👍', true, 1],
      ['chat react', 1, '👍', false, 0], ['chat delete', 1], ['chat message', 'last']]);

    const told = [];
    for (let i = 0; i < 6; ++i) told.push(await events.take());
    assert.deepEqual(told.map(({ name }) => name), ['message', 'edit', 'reaction', 'reaction', 'delete', 'message']);
    assert.equal(told[1].text, 'hello');
    assert.equal(told[4].lastEventId, `${epoch}:5`);

    const frames = [];
    for (let i = 0; i < 6; ++i) frames.push(await aware.take());
    assert.deepEqual(frames.map(({ headers, body }) => [headers.edit, headers.react, headers.delete, body]),
      [[undefined, undefined, undefined, 'helo'], ['1', undefined, undefined, 'hello'], [undefined, '1', undefined, '👍'],
        [undefined, '1', undefined, '👍'], [undefined, undefined, '1', ''], [undefined, undefined, undefined, 'last']]);
    assert.deepEqual([frames[2].headers.added, frames[2].headers.count], ['true', '1']);
    // A client that does not know changes sees messages only.
    assert.deepEqual([(await unaware.take()).body, (await unaware.take()).body], ['helo', 'last']);
    assert.deepEqual([(await plain.take()).toString(), (await plain.take()).toString()], ['helo', 'last']);
  });
}

test('a newcomer sees messages as they are now, and a client that comes back what has changed', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  await say(ann, 'one');
  await say(ann, 'two', { reply_to: 1 });
  await say(ann, 'three');
  const bob = await connectV1(t, chatd);
  const { epoch } = bob.welcome;
  assert.equal(await ask(ann, { type: 'edit', target: 1, text: 'uno' }), 4);
  assert.equal(await ask(ann, { type: 'edit', target: 1, args: [{ n: 1 }] }), 5);
  assert.equal(await ask(bob, { type: 'react', target: 1, reaction: 'ok' }), 6);
  assert.equal(await ask(ann, { type: 'delete', target: 3 }), 7);
  const [first, second, third] = await historyOf(await connectV1(t, chatd));
  assert.deepEqual(first.args, [{ n: 1 }]);
  assert.ok(first.edited >= first.time);
  assert.deepEqual(first.reactions, [{ reaction: 'ok', count: 1 }]);
  assert.equal(second.reply_to, 1);
  assert.deepEqual([third.text, third.deleted, third.from.name], ['', true, ann.welcome.name]);

  const back = await connectV1(t, chatd, `?epoch=${epoch}&seq=3`);
  assert.equal(back.welcome.complete, true);
  const missed = [];
  while (missed.length < 3) missed.push(await back.takeJson());
  assert.deepEqual(missed.map(({ type, seq, target }) => [type, seq, target]), [['edit', 5, 1], ['react', 6, 1], ['delete', 7, 3]]);
  assert.deepEqual(missed[0].args, [{ n: 1 }]);
});

test('who may change what', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  const bob = await connectV1(t, chatd);
  await say(ann, 'of ann');
  for (const request of [{ type: 'edit', text: 'x' }, { type: 'delete' }]) {
    assert.equal(await ask(bob, { ...request, target: 1 }), 'forbidden');
    assert.equal(await ask(ann, { ...request, target: 9 }), 'no_such_message');
    assert.equal(await ask(ann, { ...request, target: 1, room: 'other' }), 'not_joined');
    assert.equal(await ask(ann, request), 'invalid_argument');
  }
  assert.equal(await ask(ann, { type: 'edit', target: 1 }), 'invalid_argument');
  for (const reaction of ['', 'x'.repeat(33), 'a\nb', 5]) {
    assert.equal(await ask(bob, { type: 'react', target: 1, reaction }), 'invalid_argument');
  }
  for (const reply_to of [0, -1, 'x']) assert.equal(await ask(bob, { type: 'send', text: 'x', reply_to }), 'invalid_argument');
  assert.equal(await ask(bob, { type: 'send', text: 'x', reply_to: 2 }), 'no_such_message');
  // A repeated request is carried out once.
  const edit = { type: 'edit', target: 1, text: 'edited', id: 'an-id' };
  assert.equal(await ask(ann, edit), 2);
  assert.equal(await ask(ann, { type: 'edit', target: 1, text: 'again' }), 3);
  assert.equal(await ask(ann, edit), 2);
  assert.equal((await historyOf(ann))[0].text, 'again');
  assert.equal(await ask(ann, { ...edit, text: 'other' }), 'wrong_state');
});

test('Socket.IO and STOMP clients change messages', async (t) => {
  const chatd = await startChatd(t);
  const v1 = await connectV1(t, chatd);
  const socket = await connectSocketIo(t, chatd, {});
  const emit = (...args) => new Promise((resolve) => { socket.socket.emit(...args, resolve); });
  const { seq, epoch } = await emit('chat message', 'helo');
  assert.deepEqual(await emit('chat edit', seq, 'hello'), { seq: 2, epoch });
  assert.equal((await v1.takeType('edit')).text, 'hello');
  assert.deepEqual(await emit('chat react', seq, '+1'), { seq: 3, epoch });
  assert.equal((await emit('chat edit', 99, 'x')).error, 'no_such_message');
  assert.deepEqual(await emit('chat delete', seq), { seq: 4, epoch });
  assert.equal((await emit('chat edit', seq, 'x')).error, 'no_such_message');

  const stomp = await connectStompjs(t, chatd);
  await stomp.heard('/topic/lobby');
  const publish = async (headers, body = '') => {
    const done = stomp.receipt(`r ${++refs}`);
    stomp.publish({ destination: '/topic/lobby', headers: { receipt: `r ${refs}`, ...headers }, body });
    await done;
  };
  await publish({}, 'of STOMP');
  await publish({ edit: '5' }, 'edited');
  await publish({ react: '5' }, '+1');
  await publish({ react: '5', remove: 'true' }, '+1');
  await publish({ 'reply-to-seq': '5' }, 'reply');
  await publish({ delete: '5' });
  const messages = await historyOf(v1);
  assert.deepEqual(messages.map(({ seq: number, deleted, reply_to }) => [number, deleted, reply_to]),
    [[1, true, undefined], [5, true, undefined], [9, undefined, 5]]);
});

test('strangers change nothing by Socket.IO and STOMP either', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  await say(ann, 'of ann');
  const socket = await connectSocketIo(t, chatd, {});
  const emit = (...args) => new Promise((resolve) => { socket.socket.emit(...args, resolve); });
  assert.equal((await emit('chat edit', 1, 'x')).error, 'forbidden');
  assert.equal((await emit('chat delete', 1)).error, 'forbidden');
  const stomp = await connectStompjs(t, chatd);
  await stomp.heard('/topic/lobby');
  const errors = await stomp.heard('/user/queue/errors');
  for (const [headers, body] of [[{ edit: '1' }, 'x'], [{ delete: '1' }, '']]) {
    stomp.publish({ destination: '/topic/lobby', headers, body });
    assert.equal(JSON.parse((await errors.take()).body).error, 'forbidden');
  }
  // The message is as it was, and nobody heard of a change. The next event is a reaction, which everyone may give.
  const [message] = await historyOf(ann);
  assert.deepEqual([message.text, message.edited, message.deleted], ['of ann', undefined, undefined]);
  assert.equal((await emit('chat react', 1, '+1')).seq, 2);
  assert.equal((await ann.takeJson()).type, 'react');
});

test('changes survive a restart in the file', async (t) => {
  const { temporaryFolder } = await import('./support.mjs');
  const file = `${temporaryFolder(t)}/chat.db`;
  const first = await startChatd(t, ['--history', file]);
  const ann = await connectV1(t, first);
  await say(ann, 'secret');
  await say(ann, 'helo');
  assert.equal(await ask(ann, { type: 'edit', target: 2, text: 'hello' }), 3);
  assert.equal(await ask(ann, { type: 'delete', target: 1 }), 4);
  assert.equal(await ask(ann, { type: 'react', target: 2, reaction: '+1' }), 5);
  await first.finish();
  const second = await startChatd(t, ['--history', file]);
  const bob = await connectV1(t, second);
  const [deleted, edited] = await historyOf(bob);
  assert.deepEqual([deleted.text, deleted.deleted], ['', true]);
  assert.equal(edited.text, 'hello');
  assert.deepEqual(edited.reactions, [{ reaction: '+1', count: 1 }]);
  assert.equal(await ask(bob, { type: 'edit', target: 2, text: 'x' }), 'forbidden');
  assert.equal(await ask(bob, { type: 'react', target: 2, reaction: '+1' }), 6);
});
