// Connections that end between a message and its acknowledgement, in each protocol: the message is sent again with its id, and
// everyone receives it exactly once. CHAT_CUTS is the number of cuts in each protocol.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { Proxy, connectChat } from './chat_js_support.mjs';
import { connectSocketIo } from './socket_io_support.mjs';
import { atEnd, scaledMs, startChatd, test } from './support.mjs';

const cuts = Number(process.env.CHAT_CUTS ?? 40);
const options = ['--history-messages', 'off', '--history-bytes', '16000000', '--inbound-rate', 'off'];

// Promise.withResolvers() is not in Node 18.
function withResolvers() {
  const result = {};
  result.promise = new Promise((resolve, reject) => Object.assign(result, { resolve, reject }));
  return result;
}

// Opens a WebSocket. greet(socket) speaks first, hear(text, say, answer) handles what the server says. The answer rejects when the connection ends.
function overWebSocket(url, subprotocol, greet, hear) {
  const socket = new WebSocket(url, subprotocol);
  socket.on('error', () => {});
  const sent = withResolvers();
  const answer = withResolvers();
  for (const { promise } of [sent, answer]) promise.catch(() => {});
  socket.on('open', () => greet(socket));
  socket.on('message', (data) => hear(String(data), (frame) => socket.send(frame, () => sent.resolve()), answer.resolve));
  socket.on('close', () => {
    sent.reject(new Error('closed'));
    answer.reject(new Error('closed'));
  });
  return { sent: sent.promise, answer: answer.promise, cut: () => socket.terminate() };
}

// How a message is sent once. `sent` resolves when it is written, `answer` when it is acknowledged, with its seq if the protocol has it.
const protocols = {
  'chat.v1': (chatd, id, text) => overWebSocket(chatd.url('/chat.v1'), 'chat.v1', () => {}, (data, say, answer) => {
    const frame = JSON.parse(data);
    if (frame.type === 'welcome') say(JSON.stringify({ type: 'send', ref: 1, id, text }));
    if (frame.type === 'ack') answer(frame.seq);
    assert.notEqual(frame.type, 'error', data);
  }),
  STOMP: (chatd, id, text) => overWebSocket(
    chatd.url('/stomp'),
    'v12.stomp',
    (socket) => socket.send('CONNECT\naccept-version:1.2\nhost:localhost\n\n\0'),
    (data, say, answer) => {
      if (data.startsWith('CONNECTED')) say(`SEND\ndestination:/topic/lobby\nmessage-id:${id}\nreceipt:1\n\n${text}\0`);
      if (data.startsWith('RECEIPT')) answer();
      assert.ok(!data.startsWith('ERROR'), data);
    },
  ),
  HTTP: (chatd, id, text) => {
    const abort = new AbortController();
    const answer = fetch(chatd.http('/rooms/lobby/messages'), {
      method: 'POST',
      body: text,
      headers: { 'Content-Type': 'text/plain', 'Idempotency-Key': id },
      signal: abort.signal,
    }).then(async (response) => {
      if (response.status === 409) throw new Error('the first request is being carried out');
      assert.equal(response.status, 201);
      return (await response.json()).seq;
    });
    answer.catch(() => {});
    return { sent: Promise.resolve(), answer, cut: () => abort.abort() };
  },
};

async function sendUntilAnswered(send, chatd, id, text) {
  for (;;) {
    const attempt = send(chatd, id, text);
    try {
      return await attempt.answer;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
    } finally {
      attempt.cut();
    }
  }
}

for (const [name, send] of Object.entries(protocols)) {
  test(`${name}: ${cuts} connections end before the acknowledgement, and each message arrives once`, async (t) => {
    const chatd = await startChatd(t, options);
    const bob = connectChat(t, chatd);
    await bob.opened();
    for (let number = 0; number < cuts; number += 1) {
      const [id, text] = [`id-${number}`, `${number}`];
      const first = send(chatd, id, text);
      const arrived = bob.next('message');
      // The first connection ends when the message has arrived, or as soon as it is written.
      if (number % 2 === 0) await arrived;
      else await first.sent;
      first.cut();
      const seq = await sendUntilAnswered(send, chatd, id, text);
      const heard = await arrived;
      assert.equal(heard.text, text);
      assert.equal(heard.seq, number + 1);
      if (seq !== undefined) assert.equal(seq, heard.seq);
    }
    await bob.ping();
    assert.deepEqual(bob.untaken('message'), []);
    const { messages } = await bob.history();
    assert.deepEqual(messages.map(({ text }) => text), Array.from({ length: cuts }, (_, number) => `${number}`));
  });
}

test(`the official Socket.IO client retries ${cuts} messages itself, and each arrives once`, async (t) => {
  const chatd = await startChatd(t, [...options, '--socket-io-message-ids']);
  const bob = connectChat(t, chatd);
  await bob.opened();
  const proxy = await Proxy.start(t, chatd);
  const socket = io(proxy.http('/'), {
    transports: ['websocket'],
    retries: 20,
    ackTimeout: scaledMs(10_000),
    reconnectionDelay: 10,
    reconnectionDelayMax: 50,
  });
  atEnd(t, () => socket.disconnect());
  const received = [];
  socket.on('chat message', (...args) => received.push(args));
  for (let number = 0; number < cuts; number += 1) {
    if (!socket.connected) await once(socket, 'connect');
    const arrived = bob.next('message');
    // The server's acknowledgement is lost in every second round. In the others the message may be lost as well.
    if (number % 2 === 0) proxy.mute();
    const answer = socket.emitWithAck('chat message', `${number}`, { messageId: `id-${number}` });
    if (number % 2 === 0) await arrived;
    proxy.cut();
    const heard = await arrived;
    assert.deepEqual([heard.text, heard.seq], [`${number}`, number + 1]);
    assert.equal((await answer).seq, heard.seq);
  }
  await bob.ping();
  assert.deepEqual(bob.untaken('message'), []);
  assert.deepEqual((await bob.history()).messages.map(({ text }) => text), Array.from({ length: cuts }, (_, number) => `${number}`));
  assert.ok(received.every((args) => args.length === 1), 'the id is relayed');
});

test('without the option an id of Socket.IO is an argument', async (t) => {
  const chatd = await startChatd(t, options);
  const bob = connectChat(t, chatd);
  await bob.opened();
  const socket = await connectSocketIo(t, chatd);
  await socket.socket.emitWithAck('chat message', 'hi', { messageId: 'a' });
  assert.deepEqual((await bob.next('message')).args, ['hi', { messageId: 'a' }]);
});

test('an id is known in every protocol', async (t) => {
  const chatd = await startChatd(t, options);
  const bob = connectChat(t, chatd);
  await bob.opened();
  for (const send of Object.values(protocols)) await sendUntilAnswered(send, chatd, 'same', 'hello');
  assert.equal((await bob.send('hello', { id: 'same' })).repeated, true);
  await bob.send('the end');
  assert.deepEqual((await bob.history()).messages.map(({ text }) => text), ['hello', 'the end']);
});
