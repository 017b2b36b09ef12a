// STOMP with the official client @stomp/stompjs and with raw frames, and in rooms with clients of every other protocol.
import assert from 'node:assert/strict';
import { connect, connectV1, refusalStatus, startChatd, startTestd, test } from './support.mjs';
import { connectSocketIo } from './socket_io_support.mjs';
import { connectRaw, connectStompjs, frameText, openRaw, versions } from './stomp_support.mjs';

const json = { 'content-type': 'application/json' };

for (const version of versions) {
  test(`stompjs, version ${version}: subscribe, send, receipts, transactions, disconnect`, async (t) => {
    const server = await startChatd(t);
    const client = await connectStompjs(t, server, { versions: [version] });
    assert.equal(client.connectedVersion, version);
    assert.equal(client.welcome.headers.server, 'libchat');
    const messages = await client.heard('/topic/a');
    client.publish({ destination: '/topic/a', body: 'hello 안녕', headers: { colour: 'blue', receipt: 'r1' } });
    await client.receipt('r1');
    const message = await messages.take();
    assert.equal(message.body, 'hello 안녕');
    assert.equal(message.headers.destination, '/topic/a');
    assert.equal(message.headers.colour, 'blue');
    assert.equal(message.headers.seq, '1');
    assert.equal(message.headers.sender, 'guest-1');
    assert.equal(message.headers.subscription, messages.subscription.id);
    assert.equal(message.headers['message-id'], `${message.headers.epoch}-1`);

    const transaction = client.begin();
    client.publish({ destination: '/topic/a', body: 'one', headers: { transaction: transaction.id } });
    client.publish({ destination: '/topic/a', body: 'aside' });
    assert.equal((await messages.take()).body, 'aside');
    transaction.commit();
    assert.equal((await messages.take()).body, 'one');
    const dropped = client.begin();
    client.publish({ destination: '/topic/a', body: 'never', headers: { transaction: dropped.id } });
    dropped.abort();
    client.publish({ destination: '/topic/a', body: 'last' });
    assert.equal((await messages.take()).body, 'last');
    // Sends DISCONNECT with a receipt, and waits for it.
    let graceful = false;
    client.onDisconnect = () => { graceful = true; };
    await client.deactivate();
    assert.equal(graceful, true);
  });

  test(`stompjs, version ${version}: acknowledgements`, async (t) => {
    const server = await startChatd(t);
    const client = await connectStompjs(t, server, { versions: [version] });
    const each = await client.heard('/topic/a', { ack: 'client-individual' });
    for (const body of ['1', '2', '3']) client.publish({ destination: '/topic/a', body });
    const [first, second, third] = [await each.take(), await each.take(), await each.take()];
    third.ack();
    if (version === '1.0') first.ack();
    else first.nack();
    second.ack({ receipt: 'acked' });
    await client.receipt('acked');
    assert.deepEqual(client.errors.waiting, []);
  });
}

test('several subscriptions, also to one room, each with its own copy', async (t) => {
  const server = await startChatd(t);
  const client = await connectStompjs(t, server);
  const a = await client.heard('/topic/a');
  const again = await client.heard('/topic/a', { ack: 'client' });
  const b = await client.heard('/topic/b');
  client.publish({ destination: '/topic/a', body: 'for a' });
  client.publish({ destination: '/topic/b', body: 'for b' });
  for (const queue of [a, again]) {
    const message = await queue.take();
    assert.equal(message.body, 'for a');
    assert.equal(message.headers.subscription, queue.subscription.id);
  }
  assert.equal((await b.take()).body, 'for b');
  a.subscription.unsubscribe({ receipt: 'u' });
  await client.receipt('u');
  client.publish({ destination: '/topic/a', body: 'once' });
  assert.equal((await again.take()).body, 'once');
  assert.deepEqual(a.waiting, []);
});

test('a subscription continues after the last message that was seen', async (t) => {
  const server = await startChatd(t);
  const first = await connectStompjs(t, server);
  const messages = await first.heard('/topic/a');
  const sender = await connectRaw(t, server);
  await sender.done('SEND', { destination: '/topic/a' }, 'seen');
  const { seq, epoch } = (await messages.take()).headers;
  await first.deactivate();
  for (const body of ['missed 1', 'missed 2']) await sender.done('SEND', { destination: '/topic/a' }, body);
  const second = await connectStompjs(t, server);
  const rest = second.hear('/topic/a', { 'last-seq': seq, epoch });
  assert.deepEqual([(await rest.take()).body, (await rest.take()).body], ['missed 1', 'missed 2']);
  await sender.done('SEND', { destination: '/topic/a' }, 'live');
  assert.equal((await rest.take()).body, 'live');
});

test('bytes pass as they are, JSON too', async (t) => {
  const server = await startChatd(t);
  const client = await connectStompjs(t, server);
  const messages = await client.heard('/topic/a');
  const bytes = Uint8Array.from([0, 255, 10, 0, 128]);
  client.publish({ destination: '/topic/a', binaryBody: bytes, headers: { 'content-type': 'image/png' } });
  const picture = await messages.take();
  assert.deepEqual(picture.binaryBody, bytes);
  assert.equal(picture.headers['content-type'], 'image/png');
  client.publish({ destination: '/topic/a', body: '{"x": 1.50}', headers: json });
  const object = await messages.take();
  assert.equal(object.body, '{"x": 1.50}');
  assert.equal(object.headers['content-type'], 'application/json');
  client.publish({ destination: '/topic/a', body: 'a\0b', headers: { strange: 'a\r\nb:c\\' } });
  const strange = await messages.take();
  assert.equal(strange.body, 'a\0b');
  assert.equal(strange.headers.strange, 'a\r\nb:c\\');
});

test('large bodies, which stompjs cuts into several WebSocket messages', async (t) => {
  const server = await startChatd(t);
  const client = await connectStompjs(t, server, { splitLargeFrames: true });
  const messages = await client.heard('/topic/a');
  const body = 'x'.repeat(60_000);
  client.publish({ destination: '/topic/a', body });
  assert.equal((await messages.take()).body, body);
});

test('stompjs keeps the connection by heart-beats alone', async (t) => {
  // Long enough for a client that gets no CPU for a while.
  const server = await startTestd(t, ['stomp_heart_beat_ms=800']);
  const client = await connectStompjs(t, server, { heartbeatIncoming: 800, heartbeatOutgoing: 800 });
  const messages = await client.heard('/topic/a');
  // In so many beats each side would have closed a silent other one.
  const watcher = await connectRaw(t, server, '1.2', { 'heart-beat': '800,800' });
  for (let beats = 0; beats < 4; beats += 1) {
    assert.equal((await watcher.take()).command, '\n');
    watcher.sendText('\n');
  }
  client.publish({ destination: '/topic/a', body: 'still here' });
  assert.equal((await messages.take()).body, 'still here');
});

test('a client without heart-beats that promised them is closed', async (t) => {
  const server = await startTestd(t, ['stomp_heart_beat_ms=100']);
  const silent = await connectRaw(t, server, '1.2', { 'heart-beat': '100,0' });
  const error = await silent.take();
  assert.deepEqual([error.command, error.header.message], ['ERROR', 'no heart-beat came in time']);
  assert.equal((await silent.closed).code, 1002);
});

// Raw frames ----------------------------------------------------------------------------------------------------------

for (const version of versions) {
  test(`raw frames, version ${version}`, async (t) => {
    const server = await startChatd(t);
    const raw = await openRaw(t, server, [`v${version.replace('.', '')}.stomp`]);
    assert.equal(raw.client.socket.protocol, `v${version.replace('.', '')}.stomp`);
    const welcome = await raw.connect(version);
    assert.equal(welcome.header.version, version);
    assert.equal('heart-beat' in welcome.header, version !== '1.0');
    assert.ok(welcome.header.session);

    // Several frames in one message, and end-of-lines between them.
    const end = version === '1.2' ? '\r\n' : '\n';
    raw.sendText(`\n${frameText('SUBSCRIBE', { id: '0', destination: '/topic/a', receipt: 's' })}${end}${
      frameText('SEND', [['destination', '/topic/a'], ['k', 'first'], ['k', 'second'], ['receipt', 'm']], 'text')}\n\n`);
    assert.deepEqual((await raw.take()).header, { 'receipt-id': 's' });
    const message = await raw.take();
    assert.equal(message.command, 'MESSAGE');
    assert.equal(message.header.k, 'first');
    assert.equal(message.header.subscription, '0');
    assert.equal(message.body.toString(), 'text');
    assert.equal(message.last, 0);
    assert.deepEqual((await raw.take()).header, { 'receipt-id': 'm' });

    // One frame in several messages, with NUL in its body.
    const frame = Buffer.from(frameText('SEND', { destination: '/topic/a', 'content-length': 3 }, 'a\0b'));
    for (let at = 0; at < frame.length; at += 7) raw.client.send(frame.subarray(at, at + 7), { binary: true });
    assert.equal((await raw.take()).body.toString(), 'a\0b');

    // Escapes.
    raw.send('SEND', { destination: '/topic/a', 'a\\cb': 'c\\nd\\\\e' });
    const escaped = await raw.take();
    assert.ok(escaped.headers.some(([name, value]) => name === 'a\\cb' && value === 'c\\nd\\\\e'));

    raw.send('DISCONNECT', { receipt: 'bye' });
    const receipt = await raw.take();
    assert.deepEqual([receipt.command, receipt.header], ['RECEIPT', { 'receipt-id': 'bye' }]);
    assert.equal((await raw.closed).code, 1000);
  });
}

test('an error is sent before the close, with the receipt of its frame', async (t) => {
  const server = await startChatd(t);
  const cases = [
    ['NONSENSE\n\n\0', /command/i],
    [frameText('SUBSCRIBE', { destination: '/topic/a', receipt: 'r' }), /id/],
    [frameText('SEND', { receipt: 'r' }, 'x'), /destination/],
    [frameText('SUBSCRIBE', { id: '0', destination: '/nowhere/a', receipt: 'r' }), /destination/],
    [frameText('COMMIT', { transaction: 'none', receipt: 'r' }), /transaction/],
    [frameText('SEND', { destination: '/topic/a' }, 'x'.repeat(70_000)), /large|body/],
  ];
  for (const [text, expected] of cases) {
    const raw = await connectRaw(t, server);
    raw.sendText(text);
    const error = await raw.take();
    assert.equal(error.command, 'ERROR');
    assert.match(error.header.message, expected);
    if (text.includes('receipt:r')) assert.equal(error.header['receipt-id'], 'r');
    assert.equal((await raw.closed).code, 1002);
  }
});

test('a version that nobody knows is answered with those of the server', async (t) => {
  const server = await startChatd(t);
  const raw = await openRaw(t, server);
  raw.send('CONNECT', { 'accept-version': '2.0', host: 'h' });
  const error = await raw.take();
  assert.equal(error.header.version, '1.0,1.1,1.2');
  await raw.closed;
});

test('another origin is refused, and a request without a WebSocket gets the greeting of SockJS', async (t) => {
  const server = await startChatd(t);
  assert.equal(await refusalStatus(t, server.url('/stomp'), ['v12.stomp'], { origin: 'https://evil.test' }), 403);
  assert.equal(await (await fetch(server.http('/stomp'))).text(), 'Welcome to SockJS!\n');
});

// The application -----------------------------------------------------------------------------------------------------

test('host, login, passcode and other headers reach the application', async (t) => {
  const server = await startTestd(t);
  await connectStompjs(t, server, {
    connectHeaders: { host: 'chat.test', login: 'ann', passcode: 'secret', mode: 'accept-inside', name: 'Ann', token: 'abc' },
  });
  const event = await server.event('connect');
  assert.deepEqual([event.user_name, event.password, event.token, event.protocol, event.room], ['ann', 'secret', 'abc', 4, '']);
  const auth = JSON.parse(event.auth);
  assert.deepEqual([auth.host, auth.login, auth.passcode, auth.mode], ['chat.test', 'ann', 'secret', 'accept-inside']);
  const open = await server.event('open');
  assert.equal(open.name, 'Ann');
});

test('a refused connection gets the reason and the data', async (t) => {
  const server = await startTestd(t);
  await assert.rejects(
    connectStompjs(t, server, { connectHeaders: { mode: 'refuse', reason: 'not today' } }),
    /not today/,
  );
});

test('a refused message comes back on the error queue, without a receipt', async (t) => {
  const server = await startTestd(t);
  const client = await connectStompjs(t, server);
  const errors = await client.heard('/user/queue/errors');
  const messages = await client.heard('/topic/a');
  let received = false;
  client.watchForReceipt('r', () => { received = true; });
  client.publish({ destination: '/topic/a', body: '!refuse too rude', headers: { receipt: 'r' } });
  const error = await errors.take();
  assert.equal(error.headers['receipt-id'], 'r');
  const { error: code, reason, destination } = JSON.parse(error.body);
  assert.deepEqual([code, reason, destination], ['forbidden', 'too rude', '/topic/a']);
  client.publish({ destination: '/topic/a', body: 'fine' });
  assert.equal((await messages.take()).body, 'fine');
  assert.equal(received, false);
});

test('what is sent to a client or a user arrives in its queues', async (t) => {
  const server = await startTestd(t);
  const client = await connectStompjs(t, server, { connectHeaders: { user_id: 'u1', name: 'Ann' } });
  const { client: id } = await server.event('open');
  const queue = await client.heard('/user/queue/messages');
  const prices = await client.heard('/user/queue/prices');
  await server.command('send', 0, id, 'chat message', '["to you"]');
  const message = await queue.take();
  assert.deepEqual([message.body, message.headers.destination], ['to you', '/user/queue/messages']);
  await server.command('send-user', 0, 'u1', 'prices', '[{"eur":1}]');
  assert.deepEqual(JSON.parse((await prices.take()).body), { eur: 1 });
});

test('an event for the application is not published', async (t) => {
  const server = await startTestd(t);
  const client = await connectStompjs(t, server);
  client.publish({ destination: '/app/add', body: '[1,2]', headers: { ...json, receipt: 'r' } });
  await client.receipt('r');
  const message = await server.event('message');
  assert.deepEqual([message.event, message.room, message.data], ['add', null, '[[1,2]]']);
  await server.command('stats', 0);
  const stats = await server.event('stats');
  assert.deepEqual([stats.messages_published, stats.rooms_now], [0, 0]);
});

// Rooms for all -------------------------------------------------------------------------------------------------------

// Each protocol's client in one room, with what it says and how the others write it.
async function everybody(t, server) {
  const plain = await connect(t, server.url('/chat?room=lobby'));
  const v1 = await connectV1(t, server, '?room=lobby');
  const polling = await connectSocketIo(t, server, { mode: 'polling', namespace: '/' });
  const websocket = await connectSocketIo(t, server, { mode: 'websocket', namespace: '/' });
  const stompjs = await connectStompjs(t, server);
  stompjs.messages = await stompjs.heard('/topic/lobby');
  const raws = [];
  for (const version of versions) {
    const raw = await connectRaw(t, server, version);
    await raw.done('SUBSCRIBE', { id: 'room', destination: '/topic/lobby' });
    raws.push(raw);
  }
  return { plain, v1, polling, websocket, stompjs, raws };
}

test('a text reaches everybody once, in order, whoever says it', async (t) => {
  const server = await startChatd(t);
  const { plain, v1, polling, websocket, stompjs, raws } = await everybody(t, server);
  const sayers = {
    plain: (text) => plain.send(text),
    v1: (text) => v1.sendJson({ type: 'send', text }),
    polling: (text) => polling.emit('chat message', text),
    websocket: (text) => websocket.emit('chat message', text),
    stompjs: (text) => stompjs.publish({ destination: '/topic/lobby', body: text }),
    'stomp 1.0': (text) => raws[0].send('SEND', { destination: '/topic/lobby', 'content-length': Buffer.byteLength(text) }, text),
    'stomp 1.2': (text) => raws[2].send('SEND', { destination: '/topic/lobby', 'content-length': Buffer.byteLength(text) }, text),
  };
  let seq = 0;
  for (const [name, say] of Object.entries(sayers)) {
    const text = `${name}: 안녕 🎉 "<b>" \\ \n\0\u2028`;
    say(text);
    seq += 1;
    assert.equal(await plain.take(), text);
    const heard = await v1.takeJson();
    assert.deepEqual([heard.type, heard.event, heard.text, heard.seq], ['message', 'chat message', text, seq]);
    for (const client of [polling, websocket]) assert.deepEqual(await client.take(), ['chat message', text]);
    const message = await stompjs.messages.take();
    assert.deepEqual([message.body, message.headers.seq], [text, String(seq)]);
    for (const raw of raws) {
      const frame = await raw.take();
      assert.deepEqual([frame.command, frame.body.toString(), frame.header.seq], ['MESSAGE', text, String(seq)]);
    }
  }
});

test('JSON and bytes reach everybody, as each protocol writes them', async (t) => {
  const server = await startChatd(t);
  const { plain, v1, polling, websocket, stompjs, raws } = await everybody(t, server);
  const object = { x: 1.5, 이름: ['a'] };
  stompjs.publish({ destination: '/topic/lobby', body: JSON.stringify(object), headers: { ...json, event: 'cursor' } });
  assert.equal(await plain.take(), JSON.stringify([object]));
  const heard = await v1.takeJson();
  assert.deepEqual([heard.event, heard.args, heard.attributes], ['cursor', [object], { 'content-type': 'application/json' }]);
  for (const client of [polling, websocket]) assert.deepEqual(await client.take(), ['cursor', object]);
  assert.equal((await stompjs.messages.take()).headers.event, 'cursor');
  for (const raw of raws) assert.deepEqual(JSON.parse((await raw.take()).body), object);

  websocket.emit('move', 1, { y: 2 });
  assert.equal(await plain.take(), '[1,{"y":2}]');
  assert.deepEqual((await v1.takeJson()).args, [1, { y: 2 }]);
  for (const client of [polling, websocket]) assert.deepEqual(await client.take(), ['move', 1, { y: 2 }]);
  const list = await stompjs.messages.take();
  assert.deepEqual([JSON.parse(list.body), list.headers.args, list.headers.event], [[1, { y: 2 }], '2', 'move']);
  for (const raw of raws) assert.equal((await raw.take()).body.toString(), '[1,{"y":2}]');

  const bytes = Buffer.from([0, 1, 0xff, 0xfe]);
  for (const say of [
    () => plain.send(bytes),
    () => stompjs.publish({
      destination: '/topic/lobby', binaryBody: new Uint8Array(bytes), headers: { 'content-type': 'application/octet-stream' },
    }),
  ]) {
    say();
    assert.deepEqual(await plain.take(), bytes);
    assert.deepEqual((await v1.takeJson()).attachments, [bytes.toString('base64')]);
    for (const client of [polling, websocket]) assert.deepEqual((await client.take())[1], bytes);
    const message = await stompjs.messages.take();
    assert.deepEqual(Buffer.from(message.binaryBody), bytes);
    assert.equal(message.headers['content-type'], 'application/octet-stream');
    for (const raw of raws) assert.deepEqual((await raw.take()).body, bytes);
  }
});
