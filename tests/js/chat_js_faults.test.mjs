// bindings/js/chat.js where things go wrong in the middle of something: each test is a fault that a program has met, or would.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { promisify } from 'node:util';
import WebSocket, { WebSocketServer } from 'ws';
import { Proxy, chat, clientFolder, connectChat } from './chat_js_support.mjs';
import { atEnd, limitMs, sourceDir, startChatd, startTestd, test } from './support.mjs';

const run = promisify(execFile);
const failure = (code) => (error) => error instanceof chat.ChatError && error.code === code;

// A server that says what it is told to: answers are made by script(frame, say).
async function startScripted(t, script, epoch = 'e') {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  atEnd(t, () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  server.on('connection', (socket) => {
    const say = (frame) => socket.send(JSON.stringify(frame));
    say({ type: 'welcome', id: '1', name: 'a', room: 'lobby', epoch, seq: 0, resumed: false, complete: true });
    socket.on('message', (data) => script(JSON.parse(data), say, socket));
  });
  return { url: () => `ws://127.0.0.1:${server.address().port}`, server };
}

const message = (seq, fields) => ({ type: 'message', room: 'lobby', epoch: 'e', seq, time: 1, from: { id: '2' }, event: 'chat message', ...fields });

test('a report is one request; a server without reports says so', async (t) => {
  const heard = [];
  const { url } = await startScripted(t, ({ type, ref, ...rest }, say) => {
    heard.push({ type, ...rest });
    if (rest.target === 7) say({ type: 'ack', ref });
    else say({ type: 'error', ref, code: 'unknown_type', reason: 'no such type' });
  });
  const ann = connectChat(t, { url });
  await ann.opened();
  assert.equal(await ann.report(7, 'spam'), undefined);
  await assert.rejects(ann.report(8, undefined, { room: 'dev' }), failure('unknown_type'));
  assert.deepEqual(heard, [{ type: 'report', room: 'lobby', target: 7, reason: 'spam' }, { type: 'report', room: 'dev', target: 8 }]);
});

test('an address that the WebSocket does not take: closed, and nothing afterwards', async () => {
  const script = `
    const chat = require(${JSON.stringify(path.join(clientFolder, 'chat.js'))});
    const { WebSocket } = require(${JSON.stringify(path.join(sourceDir, 'tests/js/node_modules/ws'))});
    const client = chat.connect({ url: 'ftp://127.0.0.1/', WebSocket, connectTimeoutMs: 1 });
    client.on('status', ({ state, code }) => { if (state === 'closed') console.log(code); });`;
  const { stdout } = await run(process.execPath, ['-e', script]);
  assert.equal(stdout.trim(), '1002');
});

test('ids begin anew with the server: what another says then is not one\'s own', async (t) => {
  const first = await startChatd(t);
  const second = await startChatd(t);
  const proxy = await Proxy.start(t, first);
  const ann = connectChat(t, proxy);
  await ann.opened();
  const bob = connectChat(t, second);
  await bob.opened();
  assert.equal(ann.id, bob.id);
  proxy.lead(second);
  proxy.cut();
  await ann.opened();
  await bob.send('from Bob');
  await ann.send('from Ann');
  assert.equal((await ann.next('message', ({ text }) => text === 'from Bob')).own, false);
  assert.equal((await ann.next('message', ({ text }) => text === 'from Ann')).own, true);
});

test('after a reload one\'s own messages are known again by what was kept', async (t) => {
  const chatd = await startChatd(t);
  const before = connectChat(t, chatd);
  await before.send('before');
  const { own } = before;
  await before.close();
  const again = connectChat(t, chatd, { own });
  const another = connectChat(t, chatd);
  await Promise.all([again.opened(), another.opened()]);
  await again.send('after');
  const marks = async (client) => (await client.history()).messages.map((heard) => heard.own);
  assert.deepEqual(await marks(again), [true, true]);
  assert.deepEqual(await marks(another), [false, false]);
});

test('two names at once: each has its own answer', async (t) => {
  const testd = await startTestd(t);
  const ann = connectChat(t, testd);
  await ann.opened();
  const names = await Promise.allSettled(['Ann', 'Admin', 'Anna'].map((name) => ann.rename(name)));
  assert.deepEqual(names.map(({ value, reason }) => value ?? reason.code), ['Ann', 'forbidden', 'Anna']);
  assert.deepEqual(ann.untaken('error'), []);
});

test('a connection that is lost while a room is left: it is left, and that is told', async (t) => {
  const chatd = await startChatd(t);
  const proxy = await Proxy.start(t, chatd);
  const ann = connectChat(t, proxy, { rooms: ['dev'] });
  await ann.next('joined', ({ room }) => room === 'dev');
  proxy.mute();
  const leaving = ann.leave('dev');
  proxy.cut();
  await leaving;
  assert.deepEqual(await ann.next('left'), { room: 'dev', reason: '', asked: true });
  await ann.opened();
  assert.deepEqual(ann.positions.map(({ room }) => room), ['lobby']);
});

test('one message too large: only that one fails', async (t) => {
  const chatd = await startChatd(t);
  const ann = connectChat(t, chatd, { binary: false });
  await ann.opened();
  // In characters the first is the longer one.
  const [long, large, small] = [ann.send('x'.repeat(30_000)), ann.send('글'.repeat(25_000)), ann.send('small')];
  await assert.rejects(large, failure('too_large'));
  assert.deepEqual([(await long).seq, (await small).seq], [1, 2]);
});

test('a server that wants it slower: every room is joined again all the same', async (t) => {
  const chatd = await startChatd(t, ['--inbound-rate', '20', '--inbound-burst', '4']);
  const proxy = await Proxy.start(t, chatd);
  const rooms = Array.from({ length: 12 }, (_, index) => `room ${index}`);
  const ann = connectChat(t, proxy, { rooms });
  for (const name of rooms) await ann.next('joined', ({ room }) => room === name);
  proxy.cut();
  for (const name of rooms) await ann.next('joined', ({ room }) => room === name);
  assert.deepEqual(ann.untaken('left'), []);
});

test('a room that is joined again in vain is not lost', async (t) => {
  let joins = 0;
  const server = await startScripted(t, ({ type, ref, room }, say) => {
    if (type !== 'join') return;
    joins += 1;
    if (joins === 1) say({ type: 'joined', ref, room, epoch: 'd', seq: 0, resumed: false, complete: true });
    else say({ type: 'error', ref, code: 'rate_limited', reason: 'slower' });
  });
  const ann = connectChat(t, server);
  await ann.join('dev');
  await assert.rejects(ann.join('dev'), failure('rate_limited'));
  assert.deepEqual(ann.positions.map(({ room }) => room).sort(), ['dev', 'lobby']);
});

test('a message that was sent twice is published once', async (t) => {
  const chatd = await startChatd(t);
  const bob = connectChat(t, chatd);
  await bob.opened();
  const eve = connectChat(t, chatd, { rooms: ['dev'] });
  await eve.next('joined', ({ room }) => room === 'dev');
  const acks = [];
  for (const room of ['lobby', 'lobby', 'dev']) acks.push(await eve.send(`to ${room}`, { room, id: 'one' }));
  assert.deepEqual(acks.map(({ seq, repeated }) => [seq, repeated]), [[1, undefined], [1, true], [1, undefined]]);
  await assert.rejects(eve.send('another', { id: 'one' }), failure('wrong_state'));
  await eve.send('the end');
  const heard = ['to lobby', 'the end'];
  await bob.next('message', ({ text }) => text === 'the end');
  assert.deepEqual(bob.untaken('message').map(({ text }) => text), ['to lobby']);
  assert.deepEqual((await bob.history()).messages.map(({ text }) => text), heard);
  assert.equal(bob.positions[0].seq, 2);
  await eve.next('message', ({ room }) => room === 'dev');
});

test('an unanswered message is sent again with its id, the others with ids of their own', async (t) => {
  const sends = [];
  const server = await startScripted(t, (frame, say, socket) => {
    if (frame.type !== 'send') return;
    sends.push(frame);
    if (sends.length === 1) socket.terminate();
    else say({ type: 'ack', ref: frame.ref, epoch: 'e', seq: sends.length, ...(sends.length === 2 ? { repeated: true } : {}) });
  });
  const ann = connectChat(t, server);
  const { seq, repeated } = await ann.send('twice', { exceptSelf: true });
  assert.deepEqual([seq, repeated], [2, true]);
  await ann.send('once');
  await ann.send('gone', { ephemeral: true });
  assert.equal(sends.length, 4);
  const [first, second, once, gone] = sends;
  assert.match(first.id, /^[!-~]{1,255}$/);
  assert.deepEqual([second.id, second.text], [first.id, 'twice']);
  assert.notEqual(once.id, first.id);
  assert.equal('id' in gone, false);
});

test('an unanswered message is given up when the server may have forgotten its id', async (t) => {
  let sends = 0;
  const server = await startScripted(t, (frame, say, socket) => {
    if (frame.type !== 'send') return;
    sends += 1;
    socket.terminate();
  });
  const ann = connectChat(t, server);
  const { now } = Date;
  t.after(() => { Date.now = now; });
  ann.on('status', ({ state }) => { if (state === 'waiting') Date.now = () => now() + 301_000; });
  await assert.rejects(ann.send('late'), failure('unknown_outcome'));
  assert.equal(sends, 1);
});

test('more than a network takes: refused at once, not kept without bound', async (t) => {
  const server = await startScripted(t, () => {});
  server.server.on('connection', (socket) => socket.pause());
  const ann = connectChat(t, server, { bufferBytes: 100_000, pingTimeoutMs: 50 });
  await ann.opened();
  const text = 'x'.repeat(50_000);
  const outcomes = [];
  for (let count = 0; count < 2000 && !outcomes.length; count += 1) {
    ann.send(text).catch(({ code }) => outcomes.push(code));
    await null;
  }
  assert.deepEqual(outcomes, ['queue_full']);
});

function watch(client, act) {
  const states = [];
  client.on('status', ({ state }) => states.push(state));
  act(client);
  return { client, states };
}

test('an address as a URL', async (t) => {
  const chatd = await startChatd(t, ['--default-room', 'kitchen']);
  const { WebSocket: before } = globalThis;
  globalThis.WebSocket = WebSocket;
  t.after(() => { globalThis.WebSocket = before; });
  for (const address of [chatd.url('/chat.v1'), new URL(chatd.url('/chat.v1'))]) {
    const client = chat.connect(address);
    assert.equal((await client.send('hello')).room, 'kitchen');
    await client.close();
  }
});

test('closing at every moment', async (t) => {
  const chatd = await startChatd(t);
  const ann = connectChat(t, chatd);
  await ann.opened();
  await assert.rejects(ann.close(1006), /./);
  assert.equal((await ann.send('still here')).seq, 1);
  // What is said while it closes was never sent.
  const closed = ann.close();
  for (const call of [() => ann.send('late'), () => ann.join('dev'), () => ann.rename('Ann')]) await assert.rejects(call(), failure('closed'));
  // And whoever wants it back while it closes gets it back.
  ann.reconnect();
  await closed;
  await ann.opened();

  // Before anything has begun: nothing begins. And once only, where it is asked for twice.
  const { states: early } = watch(connectChat(t, chatd), (client) => client.close());
  const { client: twice, states: both } = watch(connectChat(t, chatd), (client) => client.reconnect());
  await twice.opened();
  await twice.ping();
  assert.deepEqual([early, both], [['closed'], ['connecting', 'open']]);

  for (const moment of ['connecting', 'open', 'waiting', 'joined']) {
    const proxy = await Proxy.start(t, chatd);
    const client = connectChat(t, proxy);
    const event = moment === 'joined' ? 'joined' : 'status';
    const done = new Promise((resolve) => {
      client.on(event, ({ state }) => { if (event === 'joined' || state === moment) resolve(client.close()); });
    });
    if (moment === 'waiting') client.once('joined', () => proxy.cut());
    await done;
    assert.equal(client.state, 'closed', moment);
    assert.equal(client.untaken('status').filter(({ state }) => state === 'closed').length, 1, moment);
  }
});

test('a decision about coming back that throws: the default decides', async (t) => {
  const chatd = await startChatd(t);
  const proxy = await Proxy.start(t, chatd);
  const script = `
    const chat = require(${JSON.stringify(path.join(clientFolder, 'chat.js'))});
    const { WebSocket } = require(${JSON.stringify(path.join(sourceDir, 'tests/js/node_modules/ws'))});
    process.on('uncaughtException', (error) => console.log(error.message));
    let opened = 0;
    const client = chat.connect({ url: ${JSON.stringify(proxy.url('/chat.v1'))}, WebSocket, reconnectMinMs: 1, reconnect() { throw new Error('thrown'); } });
    client.on('status', ({ state }) => {
      if (state !== 'open') return;
      opened += 1;
      if (opened === 2) console.log('back') ?? client.close();
      else client.send('cut me').catch(() => {});
    });`;
  const bob = connectChat(t, chatd);
  bob.once('message', () => proxy.cut());
  await bob.opened();
  const { stdout } = await run(process.execPath, ['-e', script], { timeout: limitMs });
  assert.deepEqual(stdout.trim().split('\n').sort(), ['back', 'thrown']);
});

test('2,000 messages said through many cuts: each is heard once', async (t) => {
  const chatd = await startChatd(t, ['--history-messages', 'off', '--history-bytes', '16000000', '--inbound-rate', 'off', '--threads', '4']);
  const proxy = await Proxy.start(t, chatd);
  const bob = connectChat(t, chatd);
  await bob.opened();
  const ann = connectChat(t, proxy, { queueMessages: 1000, reconnectMinMs: 1, reconnectMaxMs: 5 });
  const total = 2000;
  const acks = [];
  const say = () => acks.push(ann.send(`${acks.length}`));
  while (acks.length < total) {
    for (let count = 0; count < 49; count += 1) say();
    // Some are on their way, some are answered, and some answers are lost.
    await acks[acks.length - 25];
    if (acks.length % 100 === 49) proxy.mute();
    say();
    await new Promise((resolve) => { setImmediate(resolve); });
    proxy.cut();
  }
  await Promise.all(acks);
  for (const client of [ann, bob]) {
    const heard = Array.from({ length: total }, () => client.next('message'));
    const numbers = (await Promise.all(heard)).map(({ text }) => Number(text)).sort((a, b) => a - b);
    assert.deepEqual(numbers, Array.from({ length: total }, (_, index) => index));
    await ann.ping();
    assert.deepEqual(client.untaken('message'), []);
  }
  assert.ok(proxy.accepted > 10, `${proxy.accepted} connections`);
});
