// The official JavaScript client, unmodified, the newest and 4.1.3, on polling, on WebSocket, and going from one to the
// other: against the reference server and against libchat.
import assert from 'node:assert/strict';
import { scaledMs } from './support.mjs';
import {
  SocketIoClient, connectSocketIo, startApplication, startServer, testClients, testEach, testLibchat, versions,
} from './socket_io_support.mjs';

const sidForm = /^[\w-]{20,}$/;

testClients('connects, has an id, hears itself and others', async (t, kind, choice) => {
  const server = await startServer(t, kind);
  const ann = await connectSocketIo(t, server, choice);
  const bob = await connectSocketIo(t, server, choice);
  assert.match(ann.socket.id, sidForm);
  assert.notEqual(ann.socket.id, bob.socket.id);
  ann.emit('chat message', 'hello');
  assert.deepEqual(await ann.take(), ['chat message', 'hello']);
  assert.deepEqual(await bob.take(), ['chat message', 'hello']);
  bob.emit('cursor', { x: 1, y: [2, null] }, true, 'text');
  assert.deepEqual(await ann.take(), ['cursor', { x: 1, y: [2, null] }, true, 'text']);
  await ann.settled();
  await bob.settled();
  ann.emit('chat message', 'after the upgrade');
  assert.deepEqual(await bob.take(([event]) => event === 'chat message'), ['chat message', 'after the upgrade']);
});

const argumentLists = [
  [],
  [null],
  [true, false, 0, -1, 1.5, 1e300, 9007199254740993, ''],
  ['안녕하세요', '🎉👩‍👩‍👧', '<script>alert(1)</script>', '\0\u0001\u001e\u2028"\\/'],
  [{ 한국어: { 'a "b"': [[], {}, [[{}]]] } }],
  [[], {}, [null, [null]]],
  ['a string last'],
  [{ _placeholder: false, num: 0 }],
];

testClients('events with any arguments', async (t, kind, choice) => {
  for (const recovery of [true, false]) {
    const server = await startServer(t, kind, { recovery });
    const ann = await connectSocketIo(t, server, choice);
    const bob = await connectSocketIo(t, server, choice);
    for (const list of argumentLists) ann.emit('any', ...list);
    for (const list of argumentLists) assert.deepEqual(await bob.take(), ['any', ...list]);
    for (const name of ['', 'message', 'error', 'ping', '이벤트', 'a,b', '/x', '[', 'toString', '__proto__']) {
      if (name === '' && kind === 'libchat') continue; // an event has a name here
      ann.emit(name, 1);
      assert.deepEqual(await bob.take(), [name, 1]);
    }
    ann.socket.send('by send()');
    assert.deepEqual(await bob.take(), ['message', 'by send()']);
  }
});

const bytes = (...values) => Buffer.from(values);

// An argument more, such as the offset of connection state recovery, breaks listeners that count or spread their arguments.
testClients('with the defaults a listener gets the arguments that were emitted, and no more', async (t, kind, choice) => {
  const server = await startServer(t, kind);
  const ann = await connectSocketIo(t, server, choice);
  const bob = await connectSocketIo(t, server, choice);
  const lists = [['hi'], [], [1, 'two'], [bytes(1, 2)], [{ in: [bytes(3)] }, 'last'], ['typing']];
  const heard = [];
  const all = new Promise((resolve) => {
    bob.socket.on('chat message', (...args) => {
      heard.push(args);
      if (heard.length === lists.length) resolve();
    });
  });
  for (const list of lists) ann.emit('chat message', ...list);
  await all;
  assert.deepEqual(heard, lists);
});

testClients('binary in any position', async (t, kind, choice) => {
  const server = await startServer(t, kind);
  const ann = await connectSocketIo(t, server, choice);
  const bob = await connectSocketIo(t, server, choice);
  const all = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
  const lists = [
    [bytes(0, 1, 2)],
    ['text first', all],
    [{ deep: [{ file: bytes(0x1e, 0x34, 0xff) }, bytes()], name: '파일' }, bytes(9), 'text last'],
    Array.from({ length: 10 }, (_, value) => bytes(value)),
    [Buffer.alloc(100_000, 0xa5)],
  ];
  for (const list of lists) ann.emit('file', ...list);
  for (const list of lists) assert.deepEqual(await bob.take(), ['file', ...list]);
  ann.emit('file', new Uint8Array([1, 2, 3]).buffer, new Uint16Array([0x0102]));
  assert.deepEqual(await bob.take(), ['file', bytes(1, 2, 3), bytes(2, 1)]);
});

testClients('acknowledgements: one for each, with what was answered', async (t, kind, choice) => {
  const server = await startApplication(t, kind);
  const ann = await connectSocketIo(t, server, choice);
  const [ack, ...rest] = await ann.ask('chat message', 'hello');
  assert.deepEqual(rest, []);
  assert.deepEqual(Object.keys(ack), ['seq', 'epoch']);
  assert.equal(ack.seq, 1);
  assert.equal(typeof ack.epoch, 'string');
  const acks = await Promise.all(Array.from({ length: 50 }, (_, index) => ann.ask('chat message', `${index}`)));
  assert.deepEqual(acks.map(([{ seq }]) => seq), Array.from({ length: 50 }, (_, index) => index + 2));
  const question = ['질문', { deep: [1, { blob: bytes(0, 1, 0x1e) }] }, bytes(), null];
  assert.deepEqual(await ann.ask('question', ...question), question);
  assert.deepEqual(await ann.ask('question'), []);
  assert.deepEqual(await ann.ask('chat message', '!refuse not here'), [{ error: 'forbidden', reason: 'not here' }]);
});

testClients('an acknowledgement that does not come', async (t, kind, choice) => {
  if (choice.version === '4.1.3') return; // has no timeout()
  const server = await startApplication(t, kind);
  const ann = await connectSocketIo(t, server, choice);
  await assert.rejects(ann.socket.timeout(100).emitWithAck('chat message', '!consume'), /timed out/);
  assert.equal((await ann.socket.timeout(20_000).emitWithAck('chat message', 'hello')).seq > 0, true);
});

testClients('volatile and uncompressed events', async (t, kind, choice) => {
  const server = await startServer(t, kind);
  const ann = await connectSocketIo(t, server, choice);
  await ann.settled();
  await ann.flushed();
  // On polling a volatile event is dropped by the client while a request of it is under way.
  const give = () => ann.socket.volatile.emit('typing', 1);
  if (choice.mode === 'polling') {
    while (!ann.socket.io.engine.transport.writable) await new Promise((resolve) => ann.socket.io.engine.once('drain', resolve));
  }
  give();
  assert.deepEqual(await ann.take(([event]) => event === 'typing'), ['typing', 1]);
  ann.socket.compress(false).emit('plain', 2);
  assert.deepEqual(await ann.take(([event]) => event === 'plain'), ['plain', 2]);
});

testClients('large events', async (t, kind, choice) => {
  const server = await startServer(t, kind);
  const ann = await connectSocketIo(t, server, choice);
  const bob = await connectSocketIo(t, server, choice);
  for (const size of [1_000, 65_535, 65_536, 300_000, 999_000]) {
    const text = '가'.repeat(Math.floor(size / 3));
    ann.emit('large', size, text);
    const [event, said, heard] = await bob.take();
    assert.deepEqual([event, said, heard === text], ['large', size, true]);
  }
});

testClients('an event above the largest payload closes the connection', async (t, kind, choice) => {
  const server = await startServer(t, kind, { max_http_body_bytes: 100_000, max_message_bytes: 100_000 });
  const ann = await connectSocketIo(t, server, choice);
  await ann.settled();
  ann.emit('large', 'x'.repeat(200_000));
  const { reason } = await ann.state('disconnect');
  assert.equal(reason, choice.mode === 'polling' ? 'transport error' : 'transport close');
});

testClients('disconnecting by the client', async (t, kind, choice) => {
  const server = await startServer(t, kind);
  const ann = await connectSocketIo(t, server, choice);
  const { id } = ann.socket;
  const { engine } = ann.socket.io;
  ann.socket.disconnect();
  assert.equal((await ann.state('disconnect')).reason, 'io client disconnect');
  // 4.1.3 tells twice when it is asked to connect again before its link has closed.
  while (engine.readyState !== 'closed') await new Promise((resolve) => setImmediate(resolve));
  ann.socket.connect();
  await ann.opened();
  assert.notEqual(ann.socket.id, id);
  ann.emit('chat message', 'again');
  assert.deepEqual(await ann.take(), ['chat message', 'again']);
});

testClients('disconnected by the server', async (t, kind, choice) => {
  const server = await startApplication(t, kind);
  const ann = await connectSocketIo(t, server, choice);
  ann.emit('chat message', '!kick');
  assert.deepEqual(await ann.take(), ['chat message', '!kick']);
  assert.equal((await ann.state('disconnect')).reason, 'io server disconnect');
  // An old client that still waits for the answer to its POST would close the next connection in the place of this one.
  const { engine } = ann.socket.io;
  if (engine.readyState !== 'closed') await new Promise((resolve) => engine.once('close', resolve));
  ann.socket.connect();
  await ann.opened();
  ann.emit('chat message', 'back');
  assert.deepEqual(await ann.take(), ['chat message', 'back']);
});

testClients('reconnects by itself when the transport goes', async (t, kind, choice) => {
  const server = await startServer(t, kind, { recovery: false });
  const ann = await connectSocketIo(t, server, { ...choice, reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 5 });
  const { id } = ann.socket;
  ann.cut();
  assert.match((await ann.state('disconnect')).reason, /^(transport close|forced close)$/);
  await ann.opened();
  assert.notEqual(ann.socket.id, id);
  ann.emit('chat message', 'back');
  assert.deepEqual(await ann.take(), ['chat message', 'back']);
});

testClients('what is emitted before the connection is there is sent then, in order', async (t, kind, choice) => {
  const server = await startServer(t, kind);
  const ann = new SocketIoClient(t, server, choice);
  for (let number = 0; number < 20; number += 1) ann.emit('early', number, number % 5 === 0 ? bytes(number) : null);
  for (let number = 0; number < 20; number += 1) {
    assert.deepEqual(await ann.take(), ['early', number, number % 5 === 0 ? bytes(number) : null]);
  }
});

testClients('namespaces are apart', async (t, kind, choice) => {
  const server = await startServer(t, kind);
  const lobby = await connectSocketIo(t, server, choice);
  const dev = await connectSocketIo(t, server, { ...choice, namespace: '/dev' });
  const korean = await connectSocketIo(t, server, { ...choice, namespace: '/개발' });
  for (const [index, client] of [lobby, dev, korean].entries()) client.emit('chat message', `${index}`);
  for (const [index, client] of [lobby, dev, korean].entries()) {
    assert.deepEqual(await client.take(), ['chat message', `${index}`]);
    await client.flushed();
    assert.deepEqual(client.events.waiting, []);
  }
});

testClients('several namespaces on one link', async (t, kind, choice) => {
  const server = await startServer(t, kind);
  const lobby = await connectSocketIo(t, server, choice);
  const dev = await lobby.namespace('/dev').opened();
  const ops = await lobby.namespace('/ops', { auth: { name: 'Ann' } }).opened();
  assert.equal(dev.socket.io, lobby.socket.io);
  assert.equal(new Set([lobby, dev, ops].map(({ socket }) => socket.id)).size, 3);

  dev.emit('chat message', 'to dev');
  assert.deepEqual(await dev.take(), ['chat message', 'to dev']);
  ops.emit('file', bytes(1, 2));
  assert.deepEqual(await ops.take(), ['file', bytes(1, 2)]);
  const [[first], [second]] = await Promise.all([dev.ask('chat message', 'a'), ops.ask('chat message', 'b')]);
  assert.ok(first.seq > 0 && second.seq > 0);

  dev.socket.disconnect();
  await dev.state('disconnect');
  lobby.emit('chat message', 'still here');
  assert.deepEqual(await lobby.take(), ['chat message', 'still here']);
  const { id } = ops.socket;
  dev.socket.connect();
  await dev.opened();
  assert.equal(ops.socket.id, id);
  assert.deepEqual(ops.states.waiting, []);
});

testClients('CONNECT_ERROR: a message, and data', async (t, kind, choice) => {
  const server = await startApplication(t, kind);
  const auth = { mode: 'refuse', reason: '들어올 수 없어요' };
  const refused = new SocketIoClient(t, server, { ...choice, auth });
  assert.deepEqual(await refused.state('connect_error'), { state: 'connect_error', message: auth.reason });
  assert.equal(refused.socket.connected, false);

  auth.data = { code: 7, retry: [true] };
  const explained = new SocketIoClient(t, server, { ...choice, auth });
  assert.deepEqual(await explained.state('connect_error'),
    { state: 'connect_error', message: auth.reason, data: auth.data });
});

testClients('a namespace that is refused leaves the others of its link alone', async (t, kind, choice) => {
  const server = await startApplication(t, kind);
  const lobby = await connectSocketIo(t, server, choice);
  // Whatever the application's reason is: a room that must not be joined is no namespace.
  const closed = lobby.namespace('/closed-1');
  assert.deepEqual(await closed.state('connect_error'),
    { state: 'connect_error', message: kind === 'libchat' ? 'Invalid namespace' : 'this room is closed' });
  const invalid = lobby.namespace('/a/b');
  assert.deepEqual(await invalid.state('connect_error'), { state: 'connect_error', message: 'Invalid namespace' });
  const dev = await lobby.namespace('/dev').opened();
  dev.emit('chat message', 'fine');
  assert.deepEqual(await dev.take(), ['chat message', 'fine']);
  assert.deepEqual(lobby.states.waiting, []);
});

testClients('auth and query reach the application', async (t, kind, choice) => {
  const server = await startApplication(t, kind);
  const seen = [];
  server.io?.use((socket, next) => {
    seen.push([socket.handshake.auth, socket.handshake.query.color]);
    next();
  });
  const auth = { token: 'secret', user: { name: '안나', roles: [1, 2] } };
  await connectSocketIo(t, server, { ...choice, auth, query: { color: '파랑' } });
  if (kind === 'libchat') {
    const event = await server.program.event('connect');
    seen.push([JSON.parse(event.auth), event.query.color]);
    assert.equal(event.token, 'secret');
  }
  assert.deepEqual(seen, [[auth, '파랑']]);
});

for (const mode of ['polling', 'websocket', 'upgrade']) {
  testEach(`thousands of events stay in order: ${mode}`, async (t, kind) => {
    const server = await startServer(t, kind, { outbox_messages: 100_000, outbox_bytes: 100_000_000 });
    const count = 3_000;
    const clients = await Promise.all([
      connectSocketIo(t, server, { version: '4.1.3', mode }),
      connectSocketIo(t, server, { version: 'newest', mode }),
    ]);
    const [ann] = clients;
    const acks = [];
    for (let number = 0; number < count; number += 1) {
      if (number % 100 === 0) acks.push(ann.ask('ordered', number, bytes(number & 0xff)));
      else ann.emit('ordered', number);
      // A turn of the loop now and then, so that it is not one payload.
      if (number % 250 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const client of clients) {
      for (let number = 0; number < count; number += 1) {
        const [event, heard, file] = await client.take();
        assert.deepEqual([event, heard], ['ordered', number]);
        if (number % 100 === 0) assert.deepEqual(file, bytes(number & 0xff));
      }
      await client.settled();
    }
    const numbers = (await Promise.all(acks)).map(([{ seq }]) => seq);
    assert.deepEqual(numbers, numbers.map((_, index) => index * 100 + 1));
  });
}

testEach('clients of every kind in one namespace hear the same', async (t, kind) => {
  const server = await startServer(t, kind);
  const clients = [];
  for (const version of ['newest', '4.1.3']) {
    for (const mode of ['polling', 'websocket', 'upgrade']) clients.push(await connectSocketIo(t, server, { version, mode }));
  }
  for (const [index, client] of clients.entries()) client.emit('from', index, bytes(index));
  const heard = [];
  for (const client of clients) {
    const events = [];
    for (let count = 0; count < clients.length; count += 1) events.push(await client.take());
    heard.push(events);
  }
  for (const events of heard) assert.deepEqual(events, heard[0]);
  assert.deepEqual(heard[0].map(([, index]) => index).sort(), [0, 1, 2, 3, 4, 5]);
});

testEach('pings keep an idle client, in every mode', async (t, kind) => {
  const server = await startServer(t, kind, { ping_interval_ms: 100, ping_timeout_ms: scaledMs(2_000) });
  for (const mode of ['polling', 'websocket', 'upgrade']) {
    const ann = await connectSocketIo(t, server, { mode });
    for (let count = 0; count < 3; count += 1) {
      await new Promise((resolve) => ann.socket.io.engine.once('ping', resolve));
    }
    ann.emit('chat message', mode);
    assert.deepEqual(await ann.take(([, text]) => text === mode), ['chat message', mode]);
    assert.deepEqual(ann.states.waiting, []);
  }
});

testClients('the end of the server is a disconnect', async (t, kind, choice) => {
  const server = await startServer(t, kind);
  const ann = await connectSocketIo(t, server, choice);
  await ann.settled();
  await ann.flushed();
  if (kind === 'reference') server.io.close();
  else server.program.endGently();
  const { reason } = await ann.state('disconnect');
  assert.match(reason, /^(io server disconnect|transport close|transport error)$/);
});

testLibchat('compressed WebSockets', async (t) => {
  const server = await startApplication(t, 'libchat', { permessage_deflate: 1 });
  for (const version of Object.keys(versions)) {
    const ann = await connectSocketIo(t, server, { version, mode: 'websocket', perMessageDeflate: { threshold: 0 } });
    assert.match(ann.socket.io.engine.transport.ws.extensions, /permessage-deflate/);
    const list = ['x'.repeat(100_000), '압축'.repeat(1_000), Buffer.alloc(50_000, 7)];
    assert.deepEqual(await ann.ask('question', ...list), list);
  }
});
