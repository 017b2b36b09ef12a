// The end of a server: everyone is told goodbye, what is under way arrives, and it does not take for ever.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { atEnd, connect, connectOnly, connectV1, scaledMs, startChatd, test } from './support.mjs';

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal}: 1001 for every client, then the exit code is 0`, async (t) => {
    const chatd = await startChatd(t, ['--threads', '2']);
    const clients = [];
    for (let i = 0; i < 10; i += 1) clients.push(await connect(t, chatd.url(i % 2 ? '/chat' : '/chat.v1')));
    chatd.kill(signal);
    for (const client of clients) assert.equal((await client.closed).code, 1001);
    assert.deepEqual(await chatd.exited, { code: 0, signal: null });
  });
}

test('what was accepted before arrives before the goodbye', async (t) => {
  const chatd = await startChatd(t, ['--inbound-rate', 'off']);
  const ann = await connectV1(t, chatd);
  const bob = await connect(t, chatd.url());
  const big = 'x'.repeat(60_000);
  for (let i = 0; i < 15; i += 1) ann.sendJson({ type: 'send', text: big, ref: i });
  await ann.takeType('ack', ({ ref }) => ref === 14);
  bob.socket.pause();
  chatd.kill('SIGTERM');
  await chatd.stderrMatching(/stopping/);
  bob.socket.resume();
  assert.equal((await bob.closed).code, 1001);
  assert.equal(bob.messages.waiting.length, 15);
});

test('a client that does not answer the goodbye is waited for no longer than said', async (t) => {
  const chatd = await startChatd(t, ['--drain-timeout-ms', '300']);
  const socket = net.connect(chatd.port, '127.0.0.1');
  atEnd(t, () => socket.destroy());
  socket.on('error', () => {});
  socket.write('GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
    + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
  const [answer] = await once(socket, 'data');
  assert.match(answer.toString(), /^HTTP\/1.1 101 /);
  chatd.kill('SIGTERM');
  assert.equal((await chatd.exited).code, 0);
});

test('a second signal ends at once', async (t) => {
  const chatd = await startChatd(t, ['--drain-timeout-ms', '600000']);
  const ann = await connect(t, chatd.url());
  ann.socket._socket.pause(); // never sees the goodbye, so it cannot answer
  chatd.kill('SIGTERM');
  await chatd.stderrMatching(/stopping/);
  chatd.kill('SIGTERM');
  const { code } = await chatd.exited;
  assert.equal(code, 128 + 15);
  chatd.expectedCode = code;
});

test('no new connection while it drains', async (t) => {
  const chatd = await startChatd(t, ['--drain-timeout-ms', '600000']);
  const ann = await connect(t, chatd.url());
  const keepAlive = net.connect(chatd.port, '127.0.0.1');
  atEnd(t, () => keepAlive.destroy());
  keepAlive.on('error', () => {});
  keepAlive.resume();
  await once(keepAlive, 'connect');
  ann.socket._socket.pause();
  chatd.kill('SIGTERM');
  await chatd.stderrMatching(/stopping/);
  // Refused by the system once the listener is closed; until then by the server.
  for (;;) {
    const error = await connectOnly(t, chatd.url()).then((client) => client.closed, (reason) => reason);
    if (error.code === 'ECONNREFUSED') break;
    assert.ok(error.status === 503 || error.code === 1001 || error.code === 'ECONNRESET', `${error.code} ${error.status}`);
  }
  ann.socket._socket.resume();
  assert.equal((await ann.closed).code, 1001);
});

test('drain_spread_ms spreads the goodbyes', async (t) => {
  const spreadMs = scaledMs(1_000);
  const chatd = await startChatd(t, ['--drain-spread-ms', String(spreadMs), '--drain-timeout-ms', String(2 * spreadMs), '--threads', '2']);
  const clients = [];
  for (let i = 0; i < 20; i += 1) clients.push(await connect(t, chatd.url()));
  const times = [];
  for (const client of clients) client.closed.then(() => times.push(Date.now()));
  chatd.kill('SIGTERM');
  for (const client of clients) assert.equal((await client.closed).code, 1001);
  const spread = times.at(-1) - times[0];
  assert.ok(spread >= spreadMs / 2, `all within ${spread} ms`);
  const early = times.filter((time) => time - times[0] < spread / 2).length;
  assert.ok(early >= 3 && early <= 17, `${early} of 20 in the first half`);
});
