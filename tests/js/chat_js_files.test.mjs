// What chat.js sends and receives as bytes: binary frames, files, their limits and their progress. And the history that it
// reads backwards, or replays at the first join.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WebSocket, { WebSocketServer } from 'ws';
import { Proxy, chat, connectChat } from './chat_js_support.mjs';
import { atEnd, connect, connectV1, startChatd, test } from './support.mjs';

const failure = (code) => (error) => error instanceof chat.ChatError && error.code === code;
const bytes = Uint8Array.from({ length: 5000 }, (_, index) => index % 256);

// Keeps what the client sends and how it offers to speak.
function recorder() {
  const seen = { sent: [], offers: [], sockets: [] };
  seen.WebSocket = class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols);
      seen.offers.push(protocols);
      seen.sockets.push(this);
    }

    send(data) {
      seen.sent.push(data);
      super.send(data);
    }
  };
  return seen;
}

for (const binary of [true, false]) {
  test(`files of every kind, ${binary ? 'as bytes' : 'in base64'}`, async (t) => {
    const chatd = await startChatd(t);
    const seen = recorder();
    const ann = connectChat(t, chatd, { binary, WebSocket: seen.WebSocket });
    const bob = connectChat(t, chatd);
    const old = await connectV1(t, chatd);
    await Promise.all([ann.opened(), bob.opened()]);
    assert.deepEqual(seen.offers, [binary ? ['chat.v1', 'chat.v1.binary'] : 'chat.v1']);
    assert.equal(seen.sockets[0].protocol, binary ? 'chat.v1.binary' : 'chat.v1');
    assert.equal(ann.maxMessageBytes, binary ? 65_536 : null);
    const files = [
      [new Blob([bytes]), {}, 'file'],
      [bytes.buffer, { name: '그림.png' }, '그림.png'],
      [bytes.subarray(10, 20), { name: 'part' }, 'part'],
      [Buffer.from(bytes), { name: 'a/b' }, 'a/b'],
      ...(globalThis.File ? [[new File([bytes], 'notes.txt'), {}, 'notes.txt'], [new File([bytes], 'notes.txt'), { name: 'x' }, 'x']] : []),
      [new Uint8Array(), { name: 'empty' }, 'empty'],
    ];
    for (const [file, options, name] of files) {
      const ack = await ann.sendFile(file, { ...options, attributes: { k: 'v' } });
      const wanted = new Uint8Array(file instanceof Blob ? await file.arrayBuffer() : file);
      const heard = await bob.next('message');
      assert.deepEqual([heard.event, heard.args, heard.attachments, heard.attributes, heard.seq], ['file', [name, wanted], [wanted], { k: 'v' }, ack.seq]);
      assert.equal(heard.args[1].buffer.byteLength, wanted.length);
      assert.equal(typeof seen.sent.at(-1), binary ? 'object' : 'string');
      const message = await old.takeType('message');
      assert.equal(message.attachments[0], Buffer.from(wanted).toString('base64'));
    }
    await ann.send('text');
    assert.equal(typeof seen.sent.at(-1), 'string');
    const { messages } = await ann.history();
    assert.deepEqual(messages.map(({ args, text }) => args?.[0] ?? text), [...files.map(([, , name]) => name), 'text']);
    assert.deepEqual(messages[0].args[1], bytes);
    assert.deepEqual(messages.at(-2).args[1], new Uint8Array());
  });
}

test('raw frames: who asked for bytes gets bytes, nobody else does', async (t) => {
  const chatd = await startChatd(t);
  const ann = connectChat(t, chatd);
  const plain = await connect(t, chatd.url('/chat'));
  const raw = await connect(t, chatd.url('/chat'), ['x', 'chat.v1', 'chat.v1.binary']);
  assert.equal(raw.socket.protocol, 'chat.v1.binary');
  assert.equal((await raw.takeJson()).max_message_bytes, 65_536);
  const text = await connect(t, chatd.url('/chat'), ['chat.v1']);
  assert.equal('max_message_bytes' in await text.takeJson(), false);
  await ann.opened();
  await ann.send({ args: ['a', bytes.subarray(0, 3), bytes.subarray(7, 8)] });
  const frame = await raw.take();
  const end = 4 + frame.readUInt32BE(0);
  assert.deepEqual(JSON.parse(frame.toString('utf8', 4, end)).attachments, [3, 1]);
  assert.deepEqual([...frame.subarray(end)], [0, 1, 2, 7]);
  assert.deepEqual((await text.takeJson()).attachments, ['AAEC', 'Bw==']);
  assert.equal(await plain.take(), '["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
  assert.deepEqual([...await plain.take()], [0, 1, 2]);
});

test('the largest binary frame, and one above', async (t) => {
  const chatd = await startChatd(t, ['--max-message-bytes', '20000']);
  const [ann, bob] = [connectChat(t, chatd), connectChat(t, chatd)];
  await Promise.all([ann.opened(), bob.opened()]);
  assert.equal(ann.maxMessageBytes, 20_000);
  const { id } = ann;
  let lost = 0;
  ann.on('status', () => { lost += 1; });
  // The JSON text takes the same number of bytes for every size of five digits.
  const recorded = recorder();
  const carl = connectChat(t, chatd, { WebSocket: recorded.WebSocket });
  await carl.opened();
  await carl.sendFile(new Uint8Array(10_000));
  const size = 20_000 - (recorded.sent.at(-1).length - 10_000);
  await carl.sendFile(new Uint8Array(size));
  assert.equal(recorded.sent.at(-1).length, 20_000);
  assert.equal((await bob.next('message', ({ args }) => args[1].length === size)).from.id, carl.id);
  await assert.rejects(carl.sendFile(new Uint8Array(size + 1)), failure('too_large'));
  await assert.rejects(ann.send('글'.repeat(7000)), failure('too_large'));
  // It is not even read.
  const unread = { size: 20_001, arrayBuffer() { throw new Error('read'); } };
  await assert.rejects(ann.sendFile(unread), failure('too_large'));
  await ann.send('still here');
  assert.deepEqual([lost, ann.id], [0, id]);
  // The server's own limit is the same one.
  const raw = await connectV1(t, chatd, '', ['chat.v1.binary']);
  raw.send(Buffer.alloc(20_001));
  assert.equal((await raw.closed).code, 1009);
});

test('a file that cannot be read, and what is no file', async (t) => {
  const chatd = await startChatd(t);
  const ann = connectChat(t, chatd);
  await ann.opened();
  await assert.rejects(ann.sendFile({ size: 3, arrayBuffer: async () => { throw new Error('the folder is gone'); } }), (error) => failure('unreadable')(error) && /gone/.test(error.message));
  for (const wrong of ['text', 7, {}, []]) await assert.rejects(ann.sendFile(wrong), TypeError);
  await assert.rejects(ann.send({ args: [new Blob([bytes])] }), TypeError);
  await ann.close();
  await assert.rejects(ann.sendFile(bytes), failure('closed'));
});

test('a server that does not know binary frames: base64', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: (offered) => (offered.has('chat.v1') ? 'chat.v1' : false) });
  atEnd(t, () => server.close());
  await once(server, 'listening');
  server.on('connection', (socket) => {
    socket.send('{"type":"welcome","id":"1","name":"guest-1","room":"lobby","epoch":"e","seq":0,"resumed":false,"complete":true}');
    socket.on('message', (data, isBinary) => {
      server.emit('heard', isBinary, data.toString());
      socket.send(`{"type":"ack","ref":${JSON.parse(data).ref},"seq":1,"epoch":"e"}`);
    });
  });
  const ann = connectChat(t, { url: () => `ws://127.0.0.1:${server.address().port}/chat.v1` });
  await ann.opened();
  assert.equal(ann.maxMessageBytes, null);
  const heard = once(server, 'heard');
  await ann.sendFile(Uint8Array.of(0, 1, 2), { name: 'a' });
  const [isBinary, text] = await heard;
  assert.equal(isBinary, false);
  assert.deepEqual(JSON.parse(text).attachments, ['AAEC']);
});

// A file that waited for a connection is encoded for the connection that it gets.
test('a file that is sent without a connection', async (t) => {
  const chatd = await startChatd(t);
  const bob = connectChat(t, chatd);
  await bob.opened();
  const ann = connectChat(t, chatd);
  const given = bytes.slice();
  const sent = ann.send({ event: 'file', args: ['a', given] });
  given.fill(0);
  await sent;
  assert.deepEqual((await bob.next('message')).args, ['a', bytes]);
  const offline = connectChat(t, { url: () => 'ws://127.0.0.1:9/' }, { queueBytes: 1000 });
  await assert.rejects(offline.sendFile(bytes), failure('queue_full'));
});

const welcome = (seq) => ({ type: 'welcome', id: '1', name: 'guest-1', room: 'lobby', epoch: 'e', seq, max_message_bytes: 1e9 });

const turn = () => new Promise((resolve) => { setImmediate(resolve); });

// A connection whose network is in the hands of the test.
async function startFake(t, options = {}) {
  const sockets = [];
  class FakeSocket {
    protocol = 'chat.v1.binary';
    readyState = 1;
    bufferedAmount = 0;
    sent = [];
    constructor() { sockets.push(this); }
    send(data) {
      this.sent.push(data);
      this.bufferedAmount += data.length;
    }

    hear(data) { this.onmessage({ data: data instanceof ArrayBuffer ? data : JSON.stringify(data) }); }
    close(code, reason) { queueMicrotask(() => this.onclose?.({ code, reason })); }
  }
  const client = chat.connect({ url: 'ws://fake/', room: 'lobby', WebSocket: FakeSocket, reconnect: false, ...options });
  t.after(() => client.close());
  await turn();
  sockets[0].hear(welcome(0));
  return { client, socket: sockets[0], sockets };
}

test('progress: what the network has taken, until the message is acknowledged', async (t) => {
  const { client, socket } = await startFake(t);
  assert.equal(client.state, 'open');
  const reports = [];
  let wake;
  const reported = () => new Promise((resolve) => { wake = resolve; });
  let next = reported();
  const sending = client.sendFile(new Uint8Array(1_000_000), { onProgress(report) {
    reports.push(report);
    wake();
    next = reported();
  } });
  await next;
  const { total } = reports[0];
  assert.ok(total > 1_000_000 && total < 1_000_300, `${total}`);
  assert.equal(socket.sent.at(-1).length, total);
  assert.equal(reports[0].sent, 0);
  socket.bufferedAmount = total / 2;
  // Other messages behind it do not count.
  client.send('later').catch(() => {});
  await next;
  while (reports.at(-1).sent === 0) await next;
  assert.equal(reports.at(-1).sent, total / 2);
  socket.bufferedAmount = 0;
  while (reports.at(-1).sent !== total) await next;
  socket.hear({ type: 'ack', ref: 1, seq: 1, epoch: 'e' });
  assert.equal((await sending).seq, 1);
  const count = reports.length;
  // Another message is reported twice meanwhile.
  let others = 0;
  await new Promise((resolve) => {
    client.sendFile(bytes, { onProgress() {
      others += 1;
      if (others === 3) resolve();
    } }).catch(() => {});
  });
  assert.equal(reports.length, count);
});

test('a large message takes its time: no time-out and no lost connection while the network takes something', async (t) => {
  const { client, socket } = await startFake(t, { requestTimeoutMs: 20, pingIntervalMs: 10, pingTimeoutMs: 10 });
  let done = false;
  const sending = client.sendFile(new Uint8Array(1_000_000)).finally(() => { done = true; });
  let left = socket.bufferedAmount;
  let speed = 100;
  Object.defineProperty(socket, 'bufferedAmount', { get: () => (left -= speed), set() {} });
  while (socket.sent.filter((frame) => frame === '{"type":"ping"}').length < 10) await turn();
  assert.deepEqual([done, client.state], [false, 'open']);
  speed = 0;
  await assert.rejects(sending, ({ code }) => ['timed_out', 'unknown_outcome'].includes(code));
});

const packed = (json, ...rest) => {
  const text = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(text.length);
  return new Uint8Array(Buffer.concat([head, text, ...rest.map((part) => Buffer.from(part))])).buffer;
};

test('frames of bytes that are wrong end the connection, and do nothing else', async (t) => {
  const message = { type: 'message', room: 'lobby', epoch: 'e', seq: 1, time: 0, from: { id: '2', name: 'Eve' }, event: 'x', args: [{ _placeholder: true, num: 0 }], attachments: [3] };
  const wrong = {
    'no length': new ArrayBuffer(3),
    'shorter than its JSON': packed(message, [1, 2, 3]).slice(0, 20),
    'fewer bytes': packed(message, [1, 2]),
    'more bytes': packed(message, [1, 2, 3, 4]),
    'a negative length': packed({ ...message, attachments: [-1] }, [1, 2, 3]),
    'no number': packed({ ...message, attachments: ['AAEC'] }, [1, 2, 3]),
    'no list': packed({ ...message, attachments: 3 }, [1, 2, 3]),
    'bytes for nobody': packed({ type: 'pong' }, [1]),
    'null': packed('null'),
    'messages that are none': packed('{"type":"history","messages":[null]}'),
    'a Blob': new Blob([bytes]),
  };
  for (const [what, data] of Object.entries(wrong)) {
    const { client, socket } = await startFake(t);
    let heard = 0;
    client.on('message', () => { heard += 1; });
    const lost = new Promise((resolve) => { client.on('status', resolve); });
    socket.onmessage({ data });
    const { state, code } = await lost;
    assert.deepEqual([what, state, code, heard], [what, 'closed', 1002, 0]);
  }
  const { client, socket } = await startFake(t);
  const heard = new Promise((resolve) => { client.once('message', resolve); });
  socket.hear(packed(message, [1, 2, 3]));
  assert.deepEqual((await heard).args, [Uint8Array.of(1, 2, 3)]);
});

test('history backwards, page by page', async (t) => {
  const chatd = await startChatd(t, ['--inbound-rate', 'off']);
  const ann = connectChat(t, chatd);
  for (let index = 1; index <= 25; index += 1) await ann.send(index % 5 ? `${index}` : { args: [`${index}`, bytes.subarray(0, index)] });
  const pages = [];
  let before;
  for (let complete = false; !complete;) {
    const page = await ann.history({ before, limit: 10 });
    pages.push(page.messages.map(({ seq }) => seq));
    before = page.messages[0].seq;
    complete = page.complete;
  }
  const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
  assert.deepEqual(pages, [range(16, 25), range(6, 15), range(1, 5)]);
  assert.deepEqual((await ann.history({ after: 9, before: 12 })).messages.map(({ args, text }) => text ?? args[1].length), [10, '11']);
  assert.deepEqual((await ann.history({ around: 10, limit: 3 })).messages.map(({ seq }) => seq), [9, 10, 11]);
  await assert.rejects(ann.history({ around: 10, before: 12 }), { code: 'invalid_argument' });
  const none = await ann.history({ before: 1 });
  assert.deepEqual([none.messages, none.complete], [[], true]);
});

test('search', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-js-search-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const chatd = await startChatd(t, ['--history', join(folder, 'chat.db'), '--history-search', 'words']);
  const ann = connectChat(t, chatd);
  for (const text of ['red apple', 'green apple', 'green pear']) await ann.send(text);
  const found = async (text, options) => {
    const { messages, complete, before } = await ann.search(text, options);
    return [messages.map((message) => message.text), complete, before];
  };
  assert.deepEqual(await found('APPLE'), [['red apple', 'green apple'], true, undefined]);
  assert.deepEqual(await found('green apple', { room: 'lobby' }), [['green apple'], true, undefined]);
  assert.deepEqual(await found('apple', { limit: 1 }), [['green apple'], false, 2]);
  assert.deepEqual(await found('apple', { limit: 1, before: 2 }), [['red apple'], true, undefined]);
  await assert.rejects(ann.search(''), { code: 'invalid_argument' });
  const bob = connectChat(t, await startChatd(t));
  await bob.send('connected');
  await assert.rejects(bob.search('apple'), { code: 'unknown_type' });
});

const heardBy = (client) => {
  const heard = [];
  client.on('message', ({ text, room, replayed }) => heard.push(`${replayed ? '+' : ''}${text ?? ''}${room === 'lobby' ? '' : `@${room}`}`));
  return heard;
};

test('replay: what is kept, at the first join of each room and only then', async (t) => {
  const chatd = await startChatd(t);
  const proxy = await Proxy.start(t, chatd);
  const ann = connectChat(t, chatd, { rooms: ['dev'] });
  await ann.next('joined', ({ room }) => room === 'dev');
  for (const text of ['1', '2', '3']) await ann.send(text);
  await ann.send('d', { room: 'dev' });
  await ann.send('gone', { ephemeral: true });

  const bob = connectChat(t, proxy, { replay: 2 });
  const carl = connectChat(t, chatd, { replay: true });
  const dora = connectChat(t, chatd);
  const [bobs, carls, doras] = [bob, carl, dora].map(heardBy);
  await bob.next('message', ({ text }) => text === '3');
  await Promise.all([carl.next('message', ({ text }) => text === '3'), dora.opened()]);
  await bob.join('dev');
  await bob.next('message', ({ room }) => room === 'dev');
  await ann.send('4');
  await Promise.all([bob, carl, dora].map((client) => client.next('message', ({ text }) => text === '4')));
  assert.deepEqual([bobs, carls, doras], [['+2', '+3', '+d@dev', '4'], ['+1', '+2', '+3', '4'], ['4']]);
  proxy.cut();
  await bob.next('status', ({ state }) => state === 'waiting');
  await ann.send('5');
  await bob.next('message', ({ text }) => text === '5');
  assert.deepEqual(bobs, ['+2', '+3', '+d@dev', '4', '5']);
  // A known position is resumed, not replayed.
  const again = connectChat(t, chatd, { replay: true, ...bob.positions[0] });
  const heard = heardBy(again);
  await again.opened();
  await ann.send('6');
  await again.next('message');
  assert.deepEqual(heard, ['6']);
});

const message = (seq, more = {}) => ({ type: 'message', room: 'lobby', epoch: 'e', seq, time: 0, from: { id: '2', name: 'Eve' }, event: 'x', text: `${seq}`, ...more });
test('replay: live messages wait for the history, also for one that comes with the next connection', async (t) => {
  const { client, sockets } = await startFake(t, { replay: 5, reconnect: ({ code }) => code !== 1000, reconnectMinMs: 1, reconnectMaxMs: 2 });
  const heard = heardBy(client);
  const asked = JSON.parse(sockets[0].sent.at(-1));
  assert.deepEqual([asked.type, asked.before, asked.limit], ['history', 1, 5]);
  sockets[0].hear(message(1));
  sockets[0].hear(message(undefined, { ephemeral: true, text: 'e' }));
  assert.deepEqual([heard, client.positions], [[], [{ room: 'lobby' }]]);
  const opening = new Promise((resolve) => { client.on('status', ({ state }) => { if (state === 'connecting') resolve(); }); });
  sockets[0].onclose({ code: 1006, reason: '' });
  await opening;
  await turn();
  sockets[1].hear(welcome(2));
  const again = JSON.parse(sockets[1].sent.at(-1));
  assert.deepEqual([again.type, again.before], ['history', 3]);
  sockets[1].hear(message(3));
  // The reply may have been made after the third message.
  sockets[1].hear({ type: 'history', ref: again.ref, room: 'lobby', epoch: 'e', seq: 3, complete: true, messages: [message(1), message(2), message(3)] });
  await turn();
  sockets[1].hear(message(4));
  assert.deepEqual(heard, ['+1', '+2', '3', '4']);
  assert.deepEqual(client.positions, [{ room: 'lobby', epoch: 'e', seq: 4 }]);
});

test('replay: asked again later when the server wants it slower, and given up when too much waits', async (t) => {
  const { client, socket } = await startFake(t, { replay: true, reconnectMinMs: 1, reconnectMaxMs: 2 });
  const heard = heardBy(client);
  socket.hear(message(1));
  const first = JSON.parse(socket.sent.at(-1));
  assert.equal('limit' in first, false);
  socket.hear({ type: 'error', ref: first.ref, code: 'rate_limited', reason: 'slower' });
  while (socket.sent.length < 2) await turn();
  const second = JSON.parse(socket.sent.at(-1));
  assert.deepEqual([second.type, second.before, heard], ['history', 1, []]);
  for (let seq = 2; seq <= 1001; seq += 1) socket.hear(message(seq));
  assert.deepEqual([heard.length, heard[0], heard.at(-1)], [1001, '1', '1001']);
  socket.hear({ type: 'history', ref: second.ref, room: 'lobby', epoch: 'e', seq: 9, complete: true, messages: [] });
  await turn();
  assert.equal(heard.length, 1001);
});

test('replay that is refused: an error, and live messages', async (t) => {
  const { client, socket } = await startFake(t, { replay: true });
  const heard = heardBy(client);
  const errors = [];
  client.on('error', ({ code }) => errors.push(code));
  socket.hear({ type: 'message', room: 'lobby', epoch: 'e', seq: 1, time: 0, from: { id: '2', name: 'Eve' }, event: 'x', text: 'live' });
  const { ref } = JSON.parse(socket.sent.at(-1));
  socket.hear({ type: 'error', ref, code: 'forbidden', reason: 'no' });
  await turn();
  assert.deepEqual([heard, errors], [['live'], ['forbidden']]);
});
