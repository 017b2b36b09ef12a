// STOMP over SockJS: @stomp/stompjs over sockjs-client with each transport that it has in Node, and raw frames, whose borders need
// not be those of SockJS's messages.
import assert from 'node:assert/strict';
import SockJS from 'sockjs-client';
import { nodeTransports } from './sockjs_support.mjs';
import { connect, Queue, atEnd, startChatd, startTestd, test } from './support.mjs';
import { connectRaw, connectStompjs, frameText, versions } from './stomp_support.mjs';

const json = { 'content-type': 'application/json' };
// As chat_transport has them.
const transportNumbers = { websocket: 1, 'xhr-polling': 2, 'xhr-streaming': 4, eventsource: 4 };

const httpUrl = (url) => url.replace('ws:', 'http:');

// The official client over a SockJS client, which is its property sockjs.
async function connectOver(t, server, transport, options = {}) {
  let socket = null;
  const client = await connectStompjs(t, server, options, (url) => {
    socket = new SockJS(httpUrl(url), null, { transports: transport });
    return socket;
  });
  assert.equal(socket.transport, transport);
  return Object.assign(client, { sockjs: socket });
}

// STOMP frames as texts in SockJS's messages. take(): the next message of the server, which is one frame.
async function openTexts(t, server, transport) {
  const socket = new SockJS(httpUrl(server.url('/stomp')), null, { transports: transport });
  const messages = new Queue();
  const opened = new Promise((resolve) => { socket.onopen = resolve; });
  socket.onmessage = ({ data }) => messages.push(data);
  const closed = new Promise((resolve) => {
    socket.onclose = ({ code, reason }) => {
      messages.end(() => new Error(`closed: ${code} ${reason}`));
      resolve({ code, reason });
    };
  });
  atEnd(t, () => socket.close());
  await Promise.race([opened, closed.then(({ code, reason }) => assert.fail(`${code} ${reason}`))]);
  return { send: (text) => socket.send(text), take: () => messages.take(), closed };
}

const connectFrame = (headers = {}) => frameText('CONNECT', { 'accept-version': '1.2', host: 'chat.test', ...headers });

for (const transport of nodeTransports) {
  for (const version of versions) {
    test(`${transport}, version ${version}: subscribe, send, receipts, transactions, disconnect`, async (t) => {
      const server = await startChatd(t, ['--threads', '2']);
      const client = await connectOver(t, server, transport, { versions: [version] });
      assert.equal(client.connectedVersion, version);
      const messages = await client.heard('/topic/a');
      const again = await client.heard('/topic/a');
      const text = '안녕 💬 "quotes" \\ \r\n\0\u2028\ufeff</script> %41';
      client.publish({ destination: '/topic/a', body: text, headers: { colour: 'blue', receipt: 'r1' } });
      await client.receipt('r1');
      for (const queue of [messages, again]) {
        const message = await queue.take();
        assert.equal(message.body, text);
        assert.equal(message.headers.colour, 'blue');
        assert.equal(message.headers.subscription, queue.subscription.id);
        assert.equal(message.headers['content-length'], String(Buffer.byteLength(text)));
      }
      again.subscription.unsubscribe({ receipt: 'u' });
      await client.receipt('u');

      const transaction = client.begin();
      client.publish({ destination: '/topic/a', body: 'one', headers: { transaction: transaction.id } });
      client.publish({ destination: '/topic/a', body: 'aside' });
      assert.equal((await messages.take()).body, 'aside');
      transaction.commit();
      assert.equal((await messages.take()).body, 'one');
      // Sends DISCONNECT with a receipt, and waits for it.
      let graceful = false;
      client.onDisconnect = () => { graceful = true; };
      await client.deactivate();
      assert.equal(graceful, true);
    });
  }

  test(`${transport}: the application sees the transport, and what the request and the frame say`, async (t) => {
    const server = await startTestd(t, ['threads=2']);
    const client = await connectOver(t, server, transport, {
      path: '/stomp?token=of-the-request', connectHeaders: { login: 'ann', passcode: 'secret', name: 'Ann', user_id: 'u1' },
    });
    const event = await server.event('connect');
    assert.deepEqual([event.protocol, event.transport], [4, transportNumbers[transport]]);
    assert.deepEqual([event.user_name, event.password, event.token], ['ann', 'secret', 'of-the-request']);
    await server.event('open');
    const prices = await client.heard('/user/queue/prices');
    await server.command('send-user', 0, 'u1', 'prices', '[{"eur":1}]');
    assert.deepEqual(JSON.parse((await prices.take()).body), { eur: 1 });
    const errors = await client.heard('/user/queue/errors');
    client.publish({ destination: '/topic/a', body: '!refuse too rude', headers: { receipt: 'r' } });
    assert.equal((await errors.take()).headers['receipt-id'], 'r');
    await client.deactivate();
    const left = await server.event('disconnect');
    assert.equal(left.close_code, 1000);
  });

  test(`${transport}: bytes are base64 in both directions, and bytes for everybody else`, async (t) => {
    const server = await startChatd(t, ['--threads', '2']);
    const client = await connectOver(t, server, transport);
    const messages = await client.heard('/topic/lobby');
    const plain = await connect(t, server.url());
    const socket = await connectRaw(t, server);
    await socket.done('SUBSCRIBE', { id: '0', destination: '/topic/lobby' });
    const bytes = Buffer.from([0, 1, 0xff, 0xfe]);
    const type = { 'content-type': 'image/png' };
    for (const say of [
      () => plain.send(bytes),
      () => client.publish({
        destination: '/topic/lobby', body: bytes.toString('base64'), headers: { ...type, 'content-transfer-encoding': 'base64' },
      }),
    ]) {
      say();
      const message = await messages.take();
      assert.equal(message.headers['content-transfer-encoding'], 'base64');
      assert.deepEqual(Buffer.from(message.body, 'base64'), bytes);
      assert.deepEqual(await plain.take(), bytes);
      const frame = await socket.take();
      assert.deepEqual(frame.body, bytes);
      assert.equal(frame.header['content-transfer-encoding'], undefined);
      assert.equal(frame.header['content-type'], message.headers['content-type']);
    }
    // Bytes that are text need no base64.
    client.publish({ destination: '/topic/lobby', body: 'PNG', headers: type });
    const readable = await messages.take();
    assert.deepEqual([readable.body, readable.headers['content-transfer-encoding']], ['PNG', undefined]);
    assert.deepEqual(await plain.take(), Buffer.from('PNG'));
    client.publish({ destination: '/topic/lobby', body: '{"x": 1.50}', headers: json });
    assert.equal((await messages.take()).body, '{"x": 1.50}');
  });

  test(`${transport}: many messages in order, over several responses, and a large one`, async (t) => {
    const server = await startChatd(t, ['--threads', '2', '--sockjs-response-bytes', '4096', '--inbound-rate', 'off']);
    const client = await connectOver(t, server, transport);
    const other = await connectStompjs(t, server);
    const messages = await client.heard('/topic/a');
    const watched = await other.heard('/topic/a');
    const sent = Array.from({ length: 300 }, (_, i) => `${i} ${'x'.repeat(i % 50)}`).concat('y'.repeat(60_000));
    for (const sender of [other, client]) {
      for (const body of sent) sender.publish({ destination: '/topic/a', body });
      for (const body of sent) {
        assert.equal((await messages.take()).body, body);
        assert.equal((await watched.take()).body, body);
      }
    }
  });

  test(`${transport}: several frames in one message, and one frame in several`, async (t) => {
    const server = await startChatd(t, ['--threads', '2']);
    const raw = await openTexts(t, server, transport);
    raw.send(`${connectFrame()}\n\r\n${frameText('SUBSCRIBE', { id: '0', destination: '/topic/a', receipt: 's' })}\n${
      frameText('SEND', { destination: '/topic/a', receipt: 'm' }, '하나')}\n\n`);
    assert.match(await raw.take(), /^CONNECTED\n/);
    assert.match(await raw.take(), /^RECEIPT\nreceipt-id:s\n/);
    assert.match(await raw.take(), /^MESSAGE\nsubscription:0\n[^]*\n\n하나\0$/);
    assert.match(await raw.take(), /^RECEIPT\nreceipt-id:m\n/);

    const frame = frameText('SEND', { destination: '/topic/a', 'content-length': 3, 이름: '값' }, 'a\0b');
    for (let at = 0; at < frame.length; at += 5) raw.send(frame.slice(at, at + 5));
    assert.match(await raw.take(), /\n이름:값\n[^]*\n\na\0b\0$/);

    // The end of one frame and the beginning of the next in one message.
    const both = frameText('SEND', { destination: '/topic/a' }, 'two') + frameText('DISCONNECT', { receipt: 'bye' });
    raw.send(both.slice(0, 20));
    raw.send(both.slice(20));
    assert.match(await raw.take(), /\n\ntwo\0$/);
    assert.equal(await raw.take(), 'RECEIPT\nreceipt-id:bye\n\n\0');
    assert.equal((await raw.closed).code, 1000);
  });

  test(`${transport}: heart-beats keep the connection`, async (t) => {
    const server = await startTestd(t, ['threads=2', 'stomp_heart_beat_ms=200']);
    const client = await connectOver(t, server, transport, { heartbeatIncoming: 200, heartbeatOutgoing: 200 });
    const messages = await client.heard('/topic/a');
    const raw = await openTexts(t, server, transport);
    raw.send(connectFrame({ 'heart-beat': '200,200' }));
    assert.match(await raw.take(), /\nheart-beat:200,200\n/);
    // In so many beats each side would have closed a silent other one.
    for (let beats = 0; beats < 6; beats += 1) {
      assert.equal(await raw.take(), '\n');
      raw.send('\n');
    }
    client.publish({ destination: '/topic/a', body: 'still here' });
    assert.equal((await messages.take()).body, 'still here');
  });

  test(`${transport}: a client without heart-beats that promised them is closed`, async (t) => {
    const server = await startTestd(t, ['threads=2', 'stomp_heart_beat_ms=100']);
    const raw = await openTexts(t, server, transport);
    raw.send(connectFrame({ 'heart-beat': '100,0' }));
    assert.match(await raw.take(), /^CONNECTED\n/);
    assert.match(await raw.take(), /^ERROR\n[^]*message:no heart-beat came in time\n/);
    assert.equal((await raw.closed).code, 1002);
  });

  test(`${transport}: an error is sent before the close`, async (t) => {
    const server = await startTestd(t, ['threads=2']);
    const refused = await openTexts(t, server, transport);
    refused.send(connectFrame({ mode: 'refuse', reason: 'not today' }));
    assert.match(await refused.take(), /^ERROR\n[^]*message:not today\n/);
    assert.equal((await refused.closed).code, 1008);

    const wrong = await openTexts(t, server, transport);
    wrong.send(connectFrame() + frameText('SUBSCRIBE', { id: '0', destination: '/nowhere', receipt: 'r' }));
    assert.match(await wrong.take(), /^CONNECTED\n/);
    assert.match(await wrong.take(), /^ERROR\n[^]*receipt-id:r\n/);
    assert.equal((await wrong.closed).code, 1002);

    // What SockJS makes of a Uint8Array: its numbers.
    const bytes = await openTexts(t, server, transport);
    bytes.send(String(new TextEncoder().encode(connectFrame())));
    bytes.send('\n\n\0');
    assert.match(await bytes.take(), /^ERROR\n/);
    assert.equal((await bytes.closed).code, 1002);
  });

  // Whether a poll waits when the server stops is not known.
  if (transport !== 'xhr-polling') test(`${transport}: the server stops`, async (t) => {
    const server = await startTestd(t, ['threads=2', 'drain_timeout_ms=30000']);
    const raw = await openTexts(t, server, transport);
    raw.send(connectFrame());
    assert.match(await raw.take(), /^CONNECTED\n/);
    await server.event('open');
    server.command('stop', 0);
    assert.match(await raw.take(), /^ERROR\nmessage:[^]*stopping/);
    assert.deepEqual(await raw.closed, { code: 3000, reason: 'Go away!' });
    assert.equal((await server.event('disconnect')).close_code, 1001);
  });
}

test('a WebSocket below the path speaks STOMP without frames of SockJS', async (t) => {
  const server = await startChatd(t);
  const client = await connectStompjs(t, server, { path: '/stomp/websocket' });
  const messages = await client.heard('/topic/a');
  const bytes = Uint8Array.from([0, 255]);
  client.publish({ destination: '/topic/a', binaryBody: bytes, headers: { 'content-type': 'image/png' } });
  assert.deepEqual((await messages.take()).binaryBody, bytes);
});

test('an endpoint can have STOMP without SockJS', async (t) => {
  const server = await startChatd(t, ['--sockjs', 'off']);
  assert.equal((await fetch(server.http('/stomp/info'))).status, 404);
  assert.equal((await fetch(server.http('/stomp'))).status, 426);
  await connectStompjs(t, server);
  const rooms = await fetch(server.http('/rooms/a/messages'), { method: 'POST', body: 'hi', headers: { 'content-type': 'text/plain' } });
  assert.equal(rooms.status, 201);
});
