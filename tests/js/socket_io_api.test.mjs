// What programs that come from the reference server need of the application's side: addresses of clients, the end of whole
// connections, clients that go before their verdict, acknowledgements without a time-out, and middleware on recovery. Where
// the reference server has the same, its answer is asked for beside ours.
import assert from 'node:assert/strict';
import {
  PollingSession, SocketIoClient, connectSocketIo, kinds, modes, openWebSocket, startApplication, startServer, testEach,
  testLibchat,
} from './socket_io_support.mjs';
import { Queue, connectOnly, connectV1, startTestd, test } from './support.mjs';

const back = { reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 5 };
const plain = { recovery: false };
const recovering = { recovery: true, recovery_window_ms: 60_000 };

async function lose(client) {
  client.socket.io.reconnection(false);
  client.cut();
  await client.state('disconnect');
}

async function find(testd, socketId) {
  const { error } = await testd.command('find', 0, socketId);
  const { client } = await testd.event('found');
  return { error, client };
}

// Socket ids -----------------------------------------------------------------------------------------------------------

for (const threads of [1, 2]) {
  testLibchat(`a client's socket.id is known from the start, and finds it, threads=${threads}`, async (t) => {
    const server = await startApplication(t, 'libchat', { ...plain, threads });
    const { program } = server;
    for (const mode of Object.keys(modes)) {
      const ann = await connectSocketIo(t, server, { mode });
      const dev = await ann.namespace('/dev').opened();
      for (const { socket } of [ann, dev]) {
        const asked = await program.event('connect', ({ socket_id }) => socket_id === socket.id);
        const { client } = await program.event('open', ({ socket_id }) => socket_id === socket.id);
        assert.equal(client, asked.client);
        assert.deepEqual(await find(program, socket.id), { error: 'OK', client });
        assert.deepEqual(await find(program, client), { error: 'OK', client }); // its number, as chat.v1 shows it
        await program.command('info', 0, client);
        assert.equal((await program.event('client', (info) => info.client === client)).socket_id, socket.id);
        await program.command('send', 0, client, 'for you', '["alone"]');
      }
      assert.deepEqual([await ann.next(), await dev.next()], [['for you', 'alone'], ['for you', 'alone']]);
      ann.emit('chat message', 'hi');
      assert.equal((await program.event('message', ({ data }) => data === 'hi')).socket_id, ann.socket.id);
      const ids = [ann.socket.id, dev.socket.id];
      ann.end();
      for (const id of ids) {
        assert.equal((await program.event('disconnect', ({ socket_id }) => socket_id === id)).socket_id, id);
        assert.deepEqual(await find(program, id), { error: 'ERROR_NO_SUCH_CLIENT', client: '0' });
      }
    }
  });
}

testLibchat('a recovered client keeps its socket.id, and is found by it', async (t) => {
  const server = await startApplication(t, 'libchat', recovering);
  const { program } = server;
  const ann = await connectSocketIo(t, server, back);
  const { client } = await program.event('open');
  await program.command('broadcast', 0, 'lobby', 'before');
  await ann.take();
  const { id } = ann.socket;
  await lose(ann);
  await program.event('disconnect');
  assert.equal((await find(program, id)).error, 'ERROR_NO_SUCH_CLIENT');
  ann.socket.connect();
  await ann.opened();
  const opened = await program.event('open');
  assert.deepEqual([opened.recovered_from, opened.socket_id, ann.socket.id], [client, id, id]);
  assert.deepEqual(await find(program, id), { error: 'OK', client: opened.client });
});

test('what is no socket id finds nobody', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd);
  for (const text of ['', '0', '-1', '+1', ' 1', '1 ', '01', '1.0', '99', '18446744073709551616', 'x'.repeat(10_000), '안녕']) {
    assert.deepEqual(await find(testd, text), { error: 'ERROR_NO_SUCH_CLIENT', client: '0' }, text);
  }
  assert.equal((await find(testd, null)).error, 'ERROR_INVALID_ARGUMENT');
  assert.deepEqual(await find(testd, ann.welcome.id), { error: 'OK', client: ann.welcome.id });
  assert.equal((await testd.event('open')).socket_id, ann.welcome.id);
});

// Whole connections ----------------------------------------------------------------------------------------------------

async function closeFromServer(server, kind, socket, reason) {
  if (kind === 'reference') {
    server.io.of('/').sockets.get(socket.id).disconnect(true);
  } else {
    const { client } = await server.program.event('open', ({ socket_id }) => socket_id === socket.id);
    assert.equal((await server.program.command('close-connection', 0, client, reason)).error, 'OK');
  }
}

for (const mode of Object.keys(modes)) {
  testEach(`disconnect(true) ends all namespaces of a connection and closes it: ${mode}`, async (t, kind) => {
    const server = await startApplication(t, kind, plain);
    const ann = await (await connectSocketIo(t, server, { mode })).settled();
    const dev = await ann.namespace('/dev').opened();
    const closed = new Promise((resolve) => ann.socket.io.once('close', resolve));
    for (let number = 0; number < 100; number += 1) {
      if (kind === 'reference') server.io.of('/').emit('n', number);
      else await server.program.command('publish', 0, 'lobby', 'n', `[${number}]`);
    }
    await closeFromServer(server, kind, ann.socket, 'enough');
    assert.equal((await ann.state('disconnect')).reason, 'io server disconnect');
    assert.equal((await dev.state('disconnect')).reason, 'io server disconnect');
    await closed;
    for (let number = 0; number < 100; number += 1) assert.deepEqual(await ann.next(), ['n', number]); // flushed first
    if (kind === 'reference') return;
    for (let gone = 0; gone < 2; gone += 1) {
      const { close_code, reason } = await server.program.event('disconnect');
      assert.deepEqual([close_code, reason], [1008, 'enough']);
    }
  });
}

testLibchat('close_connection with a namespace that waits for its verdict, and from inside a callback', async (t) => {
  const server = await startApplication(t, 'libchat', { threads: 2, ...recovering });
  const { program } = server;
  for (const mode of Object.keys(modes)) {
    const ann = await (await connectSocketIo(t, server, { mode })).settled();
    const dev = ann.namespace('/dev', { auth: { mode: 'defer' } });
    const { client } = await program.event('connect', ({ room }) => room === 'dev');
    ann.emit('script', ['emit', 'last words'], ['close-connection', 'enough']);
    assert.deepEqual(await ann.next(), ['last words', null]);
    assert.equal((await ann.state('disconnect')).reason, 'io server disconnect');
    assert.deepEqual(await dev.state('connect_error'), { state: 'connect_error', message: 'enough' });
    const { close_code, reason } = await program.event('abandon', (event) => event.client === client);
    assert.deepEqual([close_code, reason], [1008, 'enough']);
    assert.equal((await program.command('accept', 0, client)).error, 'ERROR_NO_SUCH_CLIENT');
    // Whoever was thrown out does not recover.
    ann.socket.connect();
    await ann.opened();
    assert.equal(ann.socket.recovered, false);
    ann.end();
  }
});

testLibchat('close_connection while the session moves to its WebSocket', async (t) => {
  const server = await startApplication(t, 'libchat', { ...plain, threads: 2 });
  const { program } = server;
  for (let round = 0; round < 200; round += 1) {
    const session = await PollingSession.open(server);
    const sid = JSON.parse((await session.connect()).slice(2)).sid;
    await session.connect('/dev');
    const { client } = await program.event('open', ({ socket_id }) => socket_id === sid);
    if (round % 2) await fetch(server.http('/healthz'), { headers: { connection: 'close' } });
    const socket = session.websocket(t);
    await socket.opened();
    socket.send('2probe');
    assert.equal(await socket.take(), '3probe');
    socket.send('5');
    assert.equal((await program.command('close-connection', 0, client, 'enough')).error, 'OK');
    await socket.closed;
    assert.deepEqual(socket.messages.waiting.filter((text) => text.startsWith('41')).sort(), ['41', '41/dev,'], `round ${round}`);
    for (let gone = 0; gone < 2; gone += 1) assert.equal((await program.event('disconnect')).close_code, 1008);
  }
});

test('close_connection of other protocols is a kick', async (t) => {
  const testd = await startTestd(t);
  for (const path of ['/chat', '/chat.v1']) {
    const ann = await connectOnly(t, testd.url(path));
    const { client } = await testd.event('open');
    assert.equal((await testd.command('close-connection', 0, client, 'enough')).error, 'OK');
    assert.deepEqual(await ann.closed, { code: 1008, reason: 'enough' });
    assert.equal((await testd.event('disconnect')).close_code, 1008);
    assert.equal((await testd.command('close-connection', 0, client, 'enough')).error, 'ERROR_NO_SUCH_CLIENT');
  }
});

// Clients that go before their verdict -----------------------------------------------------------------------------------

for (const threads of [0, 1, 2]) {
  test(`a WebSocket that goes before its verdict is told of at once, threads=${threads}`, async (t) => {
    const testd = await startTestd(t, [`threads=${threads}`, 'verdict_timeout_ms=600000']);
    for (const path of ['/chat', '/chat.v1']) {
      for (const end of ['close', 'terminate']) {
        const ann = await connectOnly(t, testd.url(`${path}?mode=defer`));
        const { client, socket_id } = await testd.event('connect');
        ann.send('early');
        ann.socket[end](...(end === 'close' ? [4001, 'changed my mind'] : []));
        const gone = await testd.event('abandon');
        assert.deepEqual([gone.client, gone.socket_id], [client, socket_id]);
        assert.deepEqual([gone.close_code, gone.reason],
          end === 'close' ? [4001, 'changed my mind'] : [1006, 'the connection was lost']);
        assert.equal((await testd.command('accept', 0, client, 'u', 'n')).error, 'ERROR_NO_SUCH_CLIENT');
      }
    }
    const told = testd.seen().map(({ type }) => type);
    for (const type of ['disconnect', 'open', 'message']) assert.equal(told.includes(type), false, type);
  });

  testLibchat(`a Socket.IO client that goes before its verdict is told of at once, threads=${threads}`, async (t) => {
    const server = await startApplication(t, 'libchat', { ...plain, threads, verdict_timeout_ms: 600_000 });
    const { program } = server;
    for (const mode of ['polling', 'websocket']) {
      const ann = new SocketIoClient(t, server, { mode, auth: { mode: 'defer' } });
      const { client } = await program.event('connect', ({ auth }) => auth.includes('defer'));
      ann.cut();
      assert.equal((await program.event('abandon')).client, client);
      assert.equal((await program.command('accept', 0, client)).error, 'ERROR_NO_SUCH_CLIENT');

      // One namespace of several goes by itself, before it is connected: to the reference server that is a fault, too.
      const lobby = await connectSocketIo(t, server, { mode });
      const dev = lobby.namespace('/dev', { auth: { mode: 'defer' } });
      const deferred = await program.event('connect', ({ room }) => room === 'dev');
      lobby.end();
      assert.equal((await program.event('abandon')).client, deferred.client);
      assert.equal((await program.event('disconnect', ({ reason }) => reason !== '')).client !== deferred.client, true);
      dev.end();
    }
    assert.deepEqual(program.seen().filter(({ type }) => type === 'disconnect'), []);
  });
}

test('no verdict in time: the application is told that it need not go on', async (t) => {
  const testd = await startTestd(t, ['verdict_timeout_ms=100']);
  const ann = await connectOnly(t, testd.url('/chat?mode=defer'));
  const { client } = await testd.event('connect');
  assert.deepEqual(await ann.closed, { code: 1008, reason: 'no verdict in time' });
  const gone = await testd.event('abandon');
  assert.deepEqual([gone.client, gone.close_code, gone.reason], [client, 1008, 'no verdict in time']);
  const session = new SocketIoClient(t, { http: (path) => `http://127.0.0.1:${testd.servers[0].port}${path}` }, { auth: { mode: 'defer' } });
  assert.equal((await session.state('connect_error')).message, 'no verdict in time');
  assert.equal((await testd.event('abandon')).reason, 'no verdict in time');
});

test('whoever got a verdict is not abandoned, whatever it was', async (t) => {
  const testd = await startTestd(t);
  for (const verdict of ['accept', 'refuse']) {
    const ann = await connectOnly(t, testd.url('/chat?mode=defer'));
    const { client } = await testd.event('connect');
    assert.equal((await testd.command(verdict, 0, client, 'u')).error, 'OK');
    ann.socket.terminate();
  }
  await testd.event('disconnect');
  const refused = await connectOnly(t, testd.url('/chat?mode=refuse')).catch(({ status }) => status);
  assert.equal(refused, 403);
  let stats;
  do {
    await testd.command('stats', 0);
    stats = await testd.event('stats');
  } while (stats.clients_now > 0 || stats.connections_now > 0);
  assert.deepEqual(testd.seen().filter(({ type }) => type === 'abandon'), []);
});

test('a server that stops abandons whoever waits', async (t) => {
  const testd = await startTestd(t);
  await connectOnly(t, testd.url('/chat?mode=defer'));
  await testd.event('connect');
  await testd.command('stop', 0);
  assert.equal((await testd.event('abandon')).close_code, 1001);
});

for (const path of ['/chat', '/chat.v1']) {
  test(`much that is said before the verdict waits in order, and is bounded: ${path}`, async (t) => {
    const testd = await startTestd(t, ['inbound_rate=-1']);
    const ann = await connectOnly(t, testd.url(`${path}?mode=defer`));
    const { client } = await testd.event('connect');
    const said = (text) => (path === '/chat' ? text : JSON.stringify({ type: 'send', text }));
    const count = 3_000;
    for (let i = 0; i < count; i += 1) ann.send(said(`${i} ${'x'.repeat(i % 100 === 0 ? 20_000 : 10)}`));
    ann.sendJson({ type: 'ping', ref: 1 });
    await testd.command('stats', 0);
    assert.ok((await testd.event('stats')).messages_in < 1_000); // it is read no further
    assert.deepEqual(ann.messages.waiting, []); // and told nothing before its welcome
    assert.equal((await testd.command('accept', 0, client, 'u-1', 'Ann')).error, 'OK');
    for (let i = 0; i < count; i += 1) {
      assert.equal((await testd.event('message')).data.split(' ')[0], `${i}`);
    }
  });
}

// Acknowledgements without a time-out --------------------------------------------------------------------------------------

testLibchat('an acknowledgement without a time-out, in either direction', async (t) => {
  const server = await startApplication(t, 'libchat', plain);
  const { program } = server;
  const ann = await connectSocketIo(t, server);
  const { client } = await program.event('open');
  const answers = new Queue();
  ann.socket.on('ask', (number, answer) => answers.push(() => answer(number)));
  const { ack_id: patient } = await program.command('send-ack', 0, client, 'ask', '[1]', -1);
  const { ack_id: hasty } = await program.command('send-ack', 0, client, 'ask', '[2]', 1);
  assert.equal((await program.event('ack', ({ ack_id }) => ack_id === hasty)).error, 'ERROR_TIMED_OUT');
  const answerFirst = await answers.take();
  answerFirst();
  assert.deepEqual((await program.event('ack', ({ ack_id }) => ack_id === patient)).args, '[1]');
  // Without an answer it ends with the client.
  const { ack_id: last } = await program.command('send-ack', 0, client, 'ask', '[3]', -1);
  for (const timeout of [-2, '9223372036854775807']) {
    assert.equal((await program.command('send-ack', 0, client, 'ask', '[]', timeout)).error, 'ERROR_INVALID_ARGUMENT');
  }
  ann.end();
  assert.equal((await program.event('ack', ({ ack_id }) => ack_id === last)).error, 'ERROR_NO_SUCH_CLIENT');
});

testLibchat('so many acknowledgements without a time-out, and no more', async (t) => {
  const server = await startApplication(t, 'libchat', plain);
  const { program } = server;
  const ann = await connectSocketIo(t, server);
  const { client } = await program.event('open');
  for (let i = 0; i < 1_024; i += 1) await program.command('send-ack', 0, client, 'ask', '[]', -1);
  const { ack_id } = await program.command('send-ack', 0, client, 'ask', '[]', -1);
  assert.equal((await program.event('ack')).error, 'ERROR_TOO_MANY');
  assert.notEqual(ack_id, '0');
  ann.end();
  for (let i = 0; i < 1_024; i += 1) assert.equal((await program.event('ack')).error, 'ERROR_NO_SUCH_CLIENT');
});

testEach("the client's own timeout(0) and ackTimeout are its own affair", async (t, kind) => {
  const server = await startApplication(t, kind, plain);
  const ann = await connectSocketIo(t, server, { ackTimeout: 60_000 });
  await assert.rejects(ann.socket.timeout(0).emitWithAck('chat message', '!consume'), /timed out/);
  assert.equal(await ann.socket.emitWithAck('question', 'in time'), 'in time');
  assert.equal(await ann.socket.timeout(60_000).emitWithAck('question', 'again'), 'again');
});

// Middleware on recovery ---------------------------------------------------------------------------------------------------

testLibchat('by default a recovered client is not asked about', async (t) => {
  const server = await startApplication(t, 'libchat', recovering);
  const { program } = server;
  const ann = await connectSocketIo(t, server, back);
  await program.command('broadcast', 0, 'lobby', 'before');
  await ann.take();
  await program.event('connect');
  await lose(ann);
  ann.socket.connect();
  await ann.opened();
  assert.equal(ann.socket.recovered, true);
  assert.deepEqual(program.seen().filter(({ type }) => type === 'connect'), []);
});

const asking = { ...recovering, recovery_asks_on_connect: 1 };

for (const threads of [1, 2]) {
  testLibchat(`recovery_asks_on_connect: asked, with who it is, and recovered, threads=${threads}`, async (t) => {
    const server = await startApplication(t, 'libchat', { ...asking, threads });
    const { program } = server;
    for (const mode of ['', 'defer']) {
      const auth = { user_id: `u-${mode}`, name: 'Ann' };
      const ann = await connectSocketIo(t, server, { ...back, auth });
      const { id } = ann.socket;
      const first = await program.event('open', ({ socket_id }) => socket_id === id);
      await program.event('connect', ({ client }) => client === first.client);
      await program.command('join', 0, first.client, 'more');
      await program.event('join', ({ room }) => room === 'more');
      await program.command('publish', 0, 'lobby', 'before', '[]');
      await program.command('publish', 0, 'more', 'before', '[]');
      assert.equal((await ann.take())[0], 'before');
      assert.equal((await ann.take())[0], 'before');
      await lose(ann);
      await program.event('disconnect', ({ client }) => client === first.client);
      await program.command('publish', 0, 'lobby', 'missed', '[1]');
      await program.command('publish', 0, 'more', 'missed', '[2]');
      ann.socket.auth = { mode };
      ann.socket.connect();
      const asked = await program.event('connect');
      assert.deepEqual([asked.recovered_from, asked.socket_id], [first.client, id]);
      if (mode === 'defer') {
        await program.command('publish', 0, 'lobby', 'missed', '[3]');
        assert.deepEqual(ann.events.waiting, []);
        assert.equal((await program.command('info', 0, asked.client)).error, 'OK');
        assert.equal((await program.event('client', (info) => info.client === asked.client)).name, 'Ann');
        await program.command('accept', 0, asked.client, 'u-changed', 'Anna');
      }
      await ann.opened();
      assert.deepEqual([ann.socket.recovered, ann.socket.id], [true, id]);
      const missed = mode === 'defer' ? [1, 3, 2] : [1, 2];
      for (const number of missed) assert.deepEqual(await ann.take(), ['missed', number]);
      const opened = await program.event('open', ({ client }) => client === asked.client);
      assert.deepEqual([opened.recovered_from, opened.user_id, opened.name],
        mode === 'defer' ? [first.client, 'u-changed', 'Anna'] : [first.client, 'u-', 'Ann']);
      ann.end();
    }
  });
}

testLibchat('recovery_asks_on_connect: refused, nothing of what was missed is told', async (t) => {
  const server = await startApplication(t, 'libchat', asking);
  const { program } = server;
  const ann = await connectSocketIo(t, server, back);
  await program.command('broadcast', 0, 'lobby', 'before');
  await ann.take();
  await lose(ann);
  await program.event('disconnect');
  await program.command('broadcast', 0, 'lobby', 'secret');
  ann.socket.auth = { mode: 'refuse', reason: 'no longer' };
  ann.socket.connect();
  assert.deepEqual(await ann.state('connect_error'), { state: 'connect_error', message: 'no longer' });
  ann.socket.auth = {};
  ann.socket.connect();
  await ann.opened();
  assert.equal(ann.socket.recovered, false);
  assert.deepEqual(ann.events.waiting, []);
});

testLibchat('recovery_asks_on_connect: lost again before the verdict, it still recovers', async (t) => {
  const server = await startApplication(t, 'libchat', asking);
  const { program } = server;
  const ann = await connectSocketIo(t, server, { ...back, mode: 'websocket' });
  const first = await program.event('open');
  await program.event('connect');
  await program.command('broadcast', 0, 'lobby', 'before');
  await ann.take();
  await lose(ann);
  await program.event('disconnect');
  await program.command('broadcast', 0, 'lobby', 'missed');
  ann.socket.auth = { mode: 'defer' };
  ann.socket.connect();
  const asked = await program.event('connect');
  ann.cut();
  await ann.state('disconnect');
  assert.equal((await program.event('abandon')).client, asked.client);
  ann.socket.auth = {};
  ann.socket.connect();
  await ann.opened();
  assert.equal((await program.event('connect')).recovered_from, first.client);
  assert.equal(ann.socket.recovered, true);
  assert.deepEqual(await ann.take(), ['chat message', 'missed']);
});

testLibchat('recovery_asks_on_connect: what was missed goes during the verdict, and the client is new', async (t) => {
  const server = await startApplication(t, 'libchat', asking);
  const { program } = server;
  const ann = await connectSocketIo(t, server, { ...back, mode: 'websocket' });
  const { id } = ann.socket;
  await program.event('open');
  await program.event('connect');
  await program.command('broadcast', 0, 'lobby', 'before');
  await ann.take();
  await lose(ann);
  await program.event('disconnect');
  ann.socket.auth = { mode: 'defer' };
  ann.socket.connect();
  const asked = await program.event('connect');
  await program.command('close-room', 0, 'lobby', 'over');
  await program.command('accept', 0, asked.client);
  assert.equal((await program.event('disconnect')).client, asked.client);
  const again = await program.event('connect');
  assert.equal(again.recovered_from, '0');
  await program.command('accept', 0, again.client);
  await ann.opened();
  assert.equal(ann.socket.recovered, false);
  assert.notEqual(ann.socket.id, id);
});

// The reference server with skipMiddlewares: false asks, too.
if (kinds.includes('reference')) {
  test('reference: skipMiddlewares', async (t) => {
    for (const skipMiddlewares of [true, false]) {
      const server = await startServer(t, 'reference', recovering);
      server.io._opts.connectionStateRecovery.skipMiddlewares = skipMiddlewares;
      server.io.opts.connectionStateRecovery.skipMiddlewares = skipMiddlewares;
      const asked = [];
      server.io.of('/').use((socket, next) => { asked.push(socket.recovered); next(); });
      const ann = await connectSocketIo(t, server, { ...back, mode: 'websocket' });
      server.io.of('/').emit('chat message', 'before');
      await ann.take();
      await lose(ann);
      while (server.io.of('/').sockets.size > 0) await new Promise((resolve) => setImmediate(resolve));
      ann.socket.connect();
      await ann.opened();
      assert.equal(ann.socket.recovered, true);
      assert.deepEqual(asked, skipMiddlewares ? [false] : [false, true]);
    }
  });
}
