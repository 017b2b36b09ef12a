// Plain WebSockets at /chat: frames in, frames out, to everyone in the room.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { connect, connectV1, refusalStatus, startChatd, startTestd, test } from './support.mjs';

test('a client hears itself and the other one', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connect(t, chatd.url());
  const bob = await connect(t, chatd.url());
  ann.send('hello from Ann');
  assert.equal(await ann.take(), 'hello from Ann');
  assert.equal(await bob.take(), 'hello from Ann');
  bob.send('hello from Bob');
  assert.equal(await ann.take(), 'hello from Bob');
  assert.equal(await bob.take(), 'hello from Bob');
});

test('?room= chooses the room, lobby is the default', async (t) => {
  const chatd = await startChatd(t);
  const lobby = await connect(t, chatd.url('/chat?room=lobby'));
  const implied = await connect(t, chatd.url());
  const dev = await connect(t, chatd.url('/chat?room=dev'));
  const other = await connect(t, chatd.url('/chat?x=1&room=caf%C3%A9%20%e2%98%95%20b'));
  const same = await connect(t, chatd.url(`/chat?room=${encodeURIComponent('café ☕ b')}`));
  dev.send('in dev');
  implied.send('in the lobby');
  same.send('in the café');
  assert.equal(await dev.take(), 'in dev');
  assert.equal(await lobby.take(), 'in the lobby');
  assert.equal(await implied.take(), 'in the lobby');
  assert.equal(await other.take(), 'in the café');
  for (const client of [lobby, implied, dev, other]) {
    await client.flushed();
    assert.deepEqual(client.messages.waiting, []);
  }
});

test('a malformed room is refused with 400', async (t) => {
  const chatd = await startChatd(t);
  for (const room of ['a%2Fb', 'a,b', 'a%3Fb', 'a%23b', '%20a', 'a%20', 'a%01b', 'a%C2%80b', '%FF', 'x'.repeat(129)]) {
    assert.equal(await refusalStatus(t, chatd.url(`/chat?room=${room}`)), 400, `room ${room}`);
  }
  const longest = await connect(t, chatd.url(`/chat?room=${'x'.repeat(128)}`));
  longest.send('fits');
  assert.equal(await longest.take(), 'fits');
});

test('binary frames stay binary, empty frames stay empty', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connect(t, chatd.url());
  const bob = await connect(t, chatd.url());
  const bytes = Buffer.from([0, 1, 2, 0xff, 0xfe, 0]);
  ann.send(bytes);
  ann.send('');
  ann.send(Buffer.alloc(0));
  ann.send('nul \u0000 inside, and a 💬');
  for (const client of [ann, bob]) {
    assert.deepEqual(await client.take(), bytes);
    assert.equal(await client.take(), '');
    assert.deepEqual(await client.take(), Buffer.alloc(0));
    assert.equal(await client.take(), 'nul \u0000 inside, and a 💬');
  }
});

test('every length of frame header is relayed whole', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connect(t, chatd.url());
  const bob = await connect(t, chatd.url());
  const sizes = [1, 125, 126, 127, 4095, 4096, 4097, 32768, 65535, 65536];
  for (const size of sizes) ann.send('a'.repeat(size));
  for (const client of [ann, bob]) {
    for (const size of sizes) assert.equal((await client.take()).length, size);
  }
});

test('nothing is kept for those who come later', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connect(t, chatd.url());
  ann.send('early');
  await ann.take();
  const bob = await connect(t, chatd.url());
  ann.send('late');
  assert.equal(await bob.take(), 'late');
});

test('subprotocols: chat.v1 when it is offered, otherwise none at /chat; any at /chat.v1', async (t) => {
  const chatd = await startChatd(t);
  // ws itself objects to an answer that it did not ask for, so the header is looked at below it.
  const answer = async (address, offered) => {
    const request = http.get(chatd.http(address), {
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
        ...(offered ? { 'Sec-WebSocket-Protocol': offered } : {}),
      },
    });
    const [response, socket] = await once(request, 'upgrade');
    socket.destroy();
    return response.headers['sec-websocket-protocol'];
  };
  assert.equal(await answer('/chat', ''), undefined);
  assert.equal(await answer('/chat', 'chat.v1'), 'chat.v1');
  assert.equal(await answer('/chat', 'other, chat.v1'), 'chat.v1');
  assert.equal(await answer('/chat', 'chat.v1,other'), 'chat.v1');
  assert.equal(await answer('/chat', 'nonsense'), undefined);
  assert.equal(await answer('/chat', 'Chat.V1'), undefined);
  assert.equal(await answer('/chat', 'nonsense, more'), undefined);
  assert.equal(await answer('/chat.v1', ''), undefined);
  assert.equal(await answer('/chat.v1', 'chat.v1'), 'chat.v1');
  assert.equal(await answer('/chat.v1', 'other, chat.v1'), 'chat.v1');
  assert.equal(await answer('/chat.v1', 'my-own'), 'my-own');
});

test('what is spoken follows the subprotocol', async (t) => {
  const chatd = await startChatd(t);
  const offered = await connect(t, chatd.url('/chat'), ['other', 'chat.v1']);
  assert.equal(offered.socket.protocol, 'chat.v1');
  assert.equal((await offered.takeJson()).type, 'welcome');
  const plain = await connect(t, chatd.url('/chat'));
  const own = await connect(t, chatd.url('/chat.v1'), ['my-own']);
  assert.equal((await own.takeJson()).type, 'welcome');
  plain.send('to all');
  assert.equal(await plain.take(), 'to all');
  assert.equal((await offered.takeType('message')).text, 'to all');
  assert.equal((await own.takeType('message')).text, 'to all');
});

test('a list of arguments arrives as JSON with its attachments behind it', async (t) => {
  const chatd = await startChatd(t);
  const plain = await connect(t, chatd.url());
  const ann = await connectV1(t, chatd);
  const args = '[ "a.bin", {"_placeholder":true,"num":1}, {"num":0,"_placeholder":true}, 12345678901234567890 ]';
  ann.send(`{"type":"send","event":"file","args":${args},"attachments":["AAEC","/w=="]}`);
  ann.send('{"type":"send","args":[{"_placeholder":true,"num":0}],"attachments":["AAEC"]}');
  ann.send('{"type":"send","args":["one string"]}');
  ann.send('{"type":"send","args":[]}');
  assert.equal(await plain.take(), args);
  assert.deepEqual(await plain.take(), Buffer.from([0, 1, 2]));
  assert.deepEqual(await plain.take(), Buffer.from([0xff]));
  assert.deepEqual(await plain.take(), Buffer.from([0, 1, 2]));
  assert.equal(await plain.take(), 'one string');
  assert.equal(await plain.take(), '[]');
});

test('what is ephemeral arrives only as a chat message, and is no delivery else', async (t) => {
  const testd = await startTestd(t);
  const plain = await connect(t, testd.url());
  const id = (await testd.event('open')).client;
  const deliveries = async () => {
    await testd.command('stats', 0);
    return (await testd.event('stats')).deliveries;
  };
  const before = await deliveries();
  await testd.command('publish', 0, 'lobby', 'typing', '["Ann"]', 'ephemeral');
  await testd.command('publish', 0, 'lobby', 'chat message', '["heard"]', 'ephemeral');
  await testd.command('publish', 0, null, 'presence', '["Ann"]', 'ephemeral');
  await testd.command('publish', 0, null, 'news', '["to everyone"]');
  await testd.command('publish', 0, 'lobby', 'file', '["kept"]');
  assert.equal(await plain.take(), 'heard');
  assert.equal(await plain.take(), '["to everyone"]');
  assert.equal(await plain.take(), '["kept"]');
  await plain.flushed();
  assert.deepEqual(plain.messages.waiting, []);
  assert.equal((await deliveries()) - before, 3);
  // What is for this client alone is meant for it.
  await testd.command('send', 0, id, 'score', '[3, 2]');
  assert.equal(await plain.take(), '[3, 2]');
});

test('a trailing slash is the same endpoint, everything else is 404', async (t) => {
  const chatd = await startChatd(t);
  const slash = await connect(t, chatd.url('/chat/?room=dev'));
  const bare = await connect(t, chatd.url('/chat?room=dev'));
  slash.send('here');
  assert.equal(await bare.take(), 'here');
  for (const address of ['/', '/nothing', '/chat/more', '/chatter', '/CHAT']) {
    assert.equal(await refusalStatus(t, chatd.url(address)), 404, address);
  }
});

test('plain clients are told nothing of a refusal', async (t) => {
  const testd = await startTestd(t);
  const ann = await connect(t, testd.url());
  ann.send('!refuse because');
  ann.send('!consume');
  ann.send('after');
  assert.equal(await ann.take(), 'after');
});

test('fifty clients in five rooms', async (t) => {
  const chatd = await startChatd(t, ['--threads', '2']);
  const clients = await Promise.all(
    Array.from({ length: 50 }, (_, i) => connect(t, chatd.url(`/chat?room=r${i % 5}`))),
  );
  clients.forEach((client, i) => client.send(`from ${i}`));
  for (const [i, client] of clients.entries()) {
    const heard = [];
    for (let n = 0; n < 10; n += 1) heard.push(await client.take());
    const expected = clients.map((_, j) => j).filter((j) => j % 5 === i % 5).map((j) => `from ${j}`);
    assert.deepEqual([...heard].sort(), [...expected].sort());
  }
});

test('with a flush interval messages are gathered, and none is late for ever', async (t) => {
  const chatd = await startChatd(t, ['--flush-interval-ms', '50', '--threads', '2']);
  const clients = [];
  for (let i = 0; i < 6; i += 1) clients.push(await connect(t, chatd.url()));
  for (let round = 0; round < 5; round += 1) {
    for (const [i, client] of clients.entries()) client.send(`${round} ${i}`);
    for (const client of clients) {
      const heard = [];
      for (const _ of clients) heard.push(await client.take());
      assert.deepEqual(heard.sort(), clients.map((_, i) => `${round} ${i}`));
    }
  }
});
