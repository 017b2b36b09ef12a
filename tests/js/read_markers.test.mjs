// Read markers in each protocol, with its official client: docs/messages.md.
import assert from 'node:assert/strict';
import { EventSource } from 'eventsource';
import { Proxy, connectChat } from './chat_js_support.mjs';
import { connectSocketIo } from './socket_io_support.mjs';
import { connectStompjs } from './stomp_support.mjs';
import { Queue, atEnd, connect, connectV1, startChatd, startTestd, temporaryFolder, test } from './support.mjs';

let refs = 0;

// Sends a request; undefined, or the code of its error.
async function ask(client, request) {
  return (await client.request({ ...request, ref: ++refs })).code;
}

async function say(client, count) {
  for (let i = 0; i < count; ++i) {
    const { seq } = await client.request({ type: 'send', text: 'x', ref: `say ${++refs}` }, 'ack');
    await client.takeType('message', (message) => message.seq === seq);
  }
}

const ann = (t, server, more = '') => connectV1(t, server, `?room=dev&user_id=ann&name=Ann${more}`);
const takeSeen = (socket) => socket.events.take(([name]) => name === 'chat seen');

for (const threads of [0, 1, 3]) {
  test(`the clients of a user share a marker in every protocol, threads=${threads}`, async (t) => {
    const testd = await startTestd(t, [`threads=${threads}`]);
    const desk = await ann(t, testd);
    assert.equal('seen' in desk.welcome, false);
    await say(desk, 5);
    const auth = { user_id: 'ann', name: 'Ann' };
    const socket = await connectSocketIo(t, testd, { namespace: '/dev', auth });
    const source = new EventSource(testd.http('/rooms/dev/events?user_id=ann&name=Ann'));
    atEnd(t, () => source.close());
    const streamed = new Queue();
    source.addEventListener('seen', ({ data }) => streamed.push(JSON.parse(data)));
    await new Promise((resolve) => { source.onopen = resolve; });
    const stomp = await connectStompjs(t, testd, { path: '/stomp?user_id=ann&name=Ann' });
    await stomp.heard('/topic/dev');
    const queue = await stomp.heard('/user/queue/seen');
    const plain = await connect(t, testd.url('/chat?room=dev&user_id=ann&name=Ann'));
    const bob = await connectV1(t, testd, '?room=dev&user_id=bob&name=Bob');
    const elsewhere = await connectV1(t, testd, '?room=other&user_id=ann&name=Ann');
    while ((await testd.command('members', 0, 'dev')).members?.length < 6) continue;

    const heard = async (seq) => {
      assert.deepEqual(await takeSeen(socket), ['chat seen', seq]);
      assert.deepEqual(await streamed.take(), { type: 'seen', room: 'dev', seq });
      const { body, headers } = await queue.take();
      assert.deepEqual(JSON.parse(body), { room: 'dev', seq });
      assert.match(headers['content-type'], /^application\/json/);
    };
    assert.equal(await ask(desk, { type: 'seen', seq: 2 }), undefined);
    await heard(2);

    // By Socket.IO, and by STOMP.
    assert.deepEqual(await new Promise((resolve) => { socket.socket.emit('chat seen', 3, resolve); }), {});
    assert.deepEqual(await desk.takeType('seen'), { type: 'seen', room: 'dev', seq: 3 });
    assert.equal((await streamed.take()).seq, 3);
    assert.equal(JSON.parse((await queue.take()).body).seq, 3);
    const done = stomp.receipt('read');
    stomp.publish({ destination: '/topic/dev', headers: { seen: '4', receipt: 'read' } });
    await done;
    assert.equal((await desk.takeType('seen')).seq, 4);
    assert.equal((await takeSeen(socket))[1], 4);
    assert.equal((await streamed.take()).seq, 4);

    // A lower one changes nothing, and one above the newest message counts as that.
    assert.equal(await ask(desk, { type: 'seen', seq: 1 }), undefined);
    assert.equal(await ask(desk, { type: 'seen', seq: Number.MAX_SAFE_INTEGER }), undefined);
    assert.equal((await takeSeen(socket))[1], 5);
    assert.equal((await streamed.take()).seq, 5);

    // A newcomer learns it; nobody else does, and plain has no word for it.
    assert.equal((await ann(t, testd)).welcome.seen, 5);
    assert.deepEqual(await takeSeen(await connectSocketIo(t, testd, { namespace: '/dev', auth })), ['chat seen', 5]);
    elsewhere.sendJson({ type: 'join', room: 'dev', ref: 1 });
    assert.equal((await elsewhere.takeType('joined')).seen, 5);
    await say(desk, 1);
    assert.equal((await plain.take()).toString(), 'x');
    assert.equal((await bob.takeJson()).type, 'message');
    assert.deepEqual(await socket.events.take(), ['chat message', 'x']);
  });
}

test('who may set a marker', async (t) => {
  const testd = await startTestd(t);
  const desk = await ann(t, testd);
  await say(desk, 2);
  const guest = await connectV1(t, testd, '?room=dev');
  assert.equal(await ask(guest, { type: 'seen', seq: 1 }), 'forbidden');
  assert.equal(await ask(desk, { type: 'seen', seq: 1, room: 'other' }), 'not_joined');
  assert.equal(await ask(desk, { type: 'seen', seq: 1, room: 'a/b' }), 'invalid_room');
  for (const seq of [undefined, -1, 1.5, '1', null]) assert.equal(await ask(desk, { type: 'seen', seq }), 'invalid_argument');
  const socket = await connectSocketIo(t, testd, { namespace: '/dev' });
  const emit = (...args) => new Promise((resolve) => { socket.socket.emit(...args, resolve); });
  assert.equal((await emit('chat seen', 1)).error, 'forbidden');
  const stomp = await connectStompjs(t, testd, { path: '/stomp?user_id=ann&name=Ann' });
  const errors = await stomp.heard('/user/queue/errors');
  stomp.publish({ destination: '/topic/other', headers: { seen: '1' } });
  assert.equal(JSON.parse((await errors.take()).body).error, 'not_joined');
});

test('an application may have events and headers of these names', async (t) => {
  const testd = await startTestd(t);
  const desk = await ann(t, testd);
  const socket = await connectSocketIo(t, testd, { namespace: '/dev', auth: { user_id: 'ann', name: 'Ann' } });
  for (const [event, ...args] of [['seen', 1], ['chat seen', { upTo: 1 }], ['chat seen', 'all']]) {
    socket.socket.emit(event, ...args);
    const message = await desk.takeType('message');
    assert.deepEqual([message.event, message.args ?? [message.text]], [event, args]);
  }
  const stomp = await connectStompjs(t, testd, { path: '/stomp?user_id=ann&name=Ann' });
  stomp.publish({ destination: '/topic/dev', headers: { seen: '1' }, body: 'text' });
  assert.deepEqual((await desk.takeType('message')).attributes, { seen: '1' });
});

test('the option names the event of Socket.IO, or switches it off', async (t) => {
  const auth = { user_id: 'ann', name: 'Ann' };
  const named = await startTestd(t, ['socket_io_seen_event=read']);
  const desk = await ann(t, named);
  await say(desk, 2);
  const socket = await connectSocketIo(t, named, { namespace: '/dev', auth });
  socket.socket.emit('read', 1);
  assert.equal((await desk.takeType('seen')).seq, 1);
  assert.equal(await ask(desk, { type: 'seen', seq: 2 }), undefined);
  assert.deepEqual(await socket.events.take(), ['read', 2]);

  const without = await startTestd(t, ['socket_io_seen_event=']);
  const other = await ann(t, without);
  await say(other, 2);
  const unaware = await connectSocketIo(t, without, { namespace: '/dev', auth });
  unaware.socket.emit('chat seen', 1);
  assert.deepEqual((await other.takeType('message')).args, [1]);
  assert.equal(await ask(other, { type: 'seen', seq: 2 }), undefined);
  await say(other, 1);
  assert.deepEqual([await unaware.events.take(), await unaware.events.take()], [['chat seen', 1], ['chat message', 'x']]);
});

test('a history in a file keeps the markers', async (t) => {
  const file = `${temporaryFolder(t)}/chat.db`;
  const first = await startTestd(t, [`history_path=${file}`]);
  const desk = await ann(t, first);
  await say(desk, 5);
  assert.equal(await ask(desk, { type: 'seen', seq: 3 }), undefined);
  await first.finish();
  const second = await startTestd(t, [`history_path=${file}`]);
  const { welcome } = await ann(t, second);
  assert.deepEqual([welcome.seq, welcome.seen], [5, 3]);
});

test('chat.js reads, and hears what was read elsewhere', async (t) => {
  const testd = await startTestd(t);
  const proxy = await Proxy.start(t, testd);
  const url = '/chat.v1?room=dev&user_id=ann&name=Ann';
  const desk = connectChat(t, testd, { url: testd.url(url) });
  const phone = connectChat(t, testd, { url: proxy.url(url) });
  await Promise.all([desk.next('joined'), phone.next('joined')]);
  assert.deepEqual([desk.seenIn(), desk.unread()], [0, 0]);
  await desk.seen(); // nothing was said yet
  for (const text of ['one', 'two', 'three']) await desk.send(text);
  await phone.next('message', ({ seq }) => seq === 3);
  assert.equal(phone.unread(), 3);
  await phone.seen(2);
  assert.deepEqual(await desk.next('seen'), { room: 'dev', seq: 2 });
  assert.deepEqual([desk.seenIn('dev'), phone.seenIn(), desk.unread(), phone.unread('dev')], [2, 2, 1, 1]);
  await desk.seen(1);
  assert.equal(desk.seenIn(), 2);
  // What is read without a connection is told by the next one.
  proxy.cut();
  await phone.next('status', ({ state }) => state === 'waiting');
  await phone.seen();
  assert.deepEqual(await desk.next('seen'), { room: 'dev', seq: 3 });
  assert.equal(desk.unread(), 0);
  const tablet = connectChat(t, testd, { url: testd.url(url) });
  assert.equal((await tablet.next('joined')).seen, 3);
  assert.equal(tablet.seenIn(), 3);
  await assert.rejects(desk.seen(1, { room: 'other' }), { code: 'not_joined' });
  const guest = connectChat(t, testd, { url: testd.url('/chat.v1?room=dev') });
  await guest.next('joined');
  await assert.rejects(guest.seen(1), { code: 'forbidden' });
  assert.equal(guest.seenIn(), 0);
});

test('chat.js forgets the marker of a numbering that has ended', async (t) => {
  const testd = await startTestd(t);
  const desk = connectChat(t, testd, { url: testd.url('/chat.v1?room=dev&user_id=ann&name=Ann') });
  await desk.next('joined');
  await desk.send('one');
  await desk.seen(1);
  await testd.command('close-room', 0, 'dev');
  await desk.next('left');
  await desk.join('dev');
  assert.equal(desk.seenIn(), 0);
  await desk.send('new');
  await desk.next('message', ({ text }) => text === 'new');
  assert.equal(desk.unread(), 1);
});
