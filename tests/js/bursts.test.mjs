// One client of a room says much at once. Whoever reads gets all of it and stays, on every transport; the default limits hold.
import assert from 'node:assert/strict';
import { connectSocketIo, startServer, testEach, testLibchat } from './socket_io_support.mjs';
import { connect, connectV1 } from './support.mjs';

const defaults = { inbound_rate: 200 };

// Each is in the namespace or room `big`.
function connectMember(t, server, mode) {
  return connectSocketIo(t, server, { mode, namespace: '/big', reconnection: false });
}

async function takeAll(client, count) {
  for (let number = 0; number < count; number += 1) {
    const [event, heard] = await client.events.take();
    assert.deepEqual([event, heard], ['piece', number]);
  }
  assert.equal(client.socket.connected, true);
}

for (const [count, size] of [[40, 60_000], [10, 900_000]]) {
  testEach(`${count} events of ${size} bytes at once reach everyone who reads`, async (t, kind) => {
    const server = await startServer(t, kind, defaults);
    const members = [];
    for (const mode of ['polling', 'websocket', 'upgrade']) members.push(await connectMember(t, server, mode));
    const sender = await connectMember(t, server, 'websocket');
    for (let number = 0; number < count; number += 1) sender.socket.emit('piece', number, Buffer.alloc(size, number));
    await Promise.all([...members, sender].map((member) => takeAll(member, count)));
  });
}

testLibchat('the same reaches clients of the other protocols', async (t) => {
  const server = await startServer(t, 'libchat', defaults);
  const plain = await connect(t, server.url('/chat?room=big'));
  const chat = await connectV1(t, server, '?room=big');
  const sender = await connectMember(t, server, 'websocket');
  for (let number = 0; number < 10; number += 1) sender.socket.emit('chat message', Buffer.alloc(900_000, number));
  for (let number = 0; number < 10; number += 1) {
    assert.equal((await chat.takeType('message')).seq, number + 1);
    assert.equal((await plain.take())[0], number);
  }
});

testEach('thousands of small events of a polling client in one payload: each once and in order', async (t, kind) => {
  const server = await startServer(t, kind, { inbound_rate: 2_000, inbound_burst: 400 });
  const members = [];
  for (const mode of ['polling', 'websocket']) members.push(await connectMember(t, server, mode));
  const sender = await connectMember(t, server, 'polling');
  const count = 4_200;
  for (let number = 0; number < count; number += 1) sender.socket.emit('piece', number);
  await Promise.all([...members, sender].map((member) => takeAll(member, count)));
});
