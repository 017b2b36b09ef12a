// One room, whatever its members speak: plain frames, chat.v1, Socket.IO on polling and on WebSocket. And an application that
// does for Socket.IO clients what a Node program would: tests/support/testd.
import assert from 'node:assert/strict';
import { Client, connect, connectV1, scaledMs } from './support.mjs';
import {
  PollingSession, SocketIoClient, connectSocketIo, modes, openWebSocket, separator, startApplication, startServer,
  testLibchat,
} from './socket_io_support.mjs';

const bytes = (...values) => Buffer.from(values);

// Everybody in the room; sayers and hearers take texts as they stand on their own wire.
async function everybody(t, server, room = 'lobby') {
  const namespace = room === 'lobby' ? '/' : `/${room}`;
  const plain = await connect(t, server.url(`/chat?room=${room}`));
  const v1 = await connectV1(t, server, `?room=${room}`);
  const polling = await connectSocketIo(t, server, { mode: 'polling', namespace });
  const websocket = await connectSocketIo(t, server, { mode: 'websocket', namespace });
  const old = await connectSocketIo(t, server, { mode: 'upgrade', version: '4.1.3', namespace });
  return { plain, v1, polling, websocket, old, socketIo: [polling, websocket, old] };
}

testLibchat('a text reaches everybody, whoever says it', async (t) => {
  const server = await startServer(t, 'libchat');
  const { plain, v1, polling, websocket, socketIo } = await everybody(t, server);
  const sayers = {
    plain: (text) => plain.send(text),
    v1: (text) => v1.sendJson({ type: 'send', text }),
    polling: (text) => polling.emit('chat message', text),
    websocket: (text) => websocket.emit('chat message', text),
  };
  let seq = 0;
  for (const [name, say] of Object.entries(sayers)) {
    const text = `${name}: 안녕 🎉 "<b>" \\ \0\u2028`;
    say(text);
    seq += 1;
    assert.equal(await plain.take(), text);
    const heard = await v1.takeJson();
    assert.deepEqual([heard.type, heard.event, heard.text, heard.seq], ['message', 'chat message', text, seq]);
    for (const client of socketIo) assert.deepEqual(await client.take(), ['chat message', text]);
  }
});

testLibchat('a list of arguments is relayed byte for byte', async (t) => {
  const server = await startServer(t, 'libchat');
  const { plain, v1, socketIo } = await everybody(t, server);
  const raw = await openWebSocket(t, server);
  raw.send('40');
  await raw.take();
  const args = '{"x":1.50, "big":12345678901234567890,"b":{},"a":"\\ud800\\u0000"},[ ],1e2';
  raw.send(`42["cursor",${args}]`);
  assert.equal(await raw.take(), `42["cursor",${args}]`);
  assert.equal(await plain.take(), `[${args}]`);
  const frame = await v1.take();
  assert.ok(frame.includes(`"args":[${args}]`), frame);
  assert.equal(JSON.parse(frame).event, 'cursor');
  for (const client of socketIo) {
    assert.deepEqual(await client.take(), ['cursor', ...JSON.parse(`[${args}]`)]);
  }
  const echoed = `42["move",${args}]`;
  v1.send(`{"type":"send","event":"move","args":[${args}]}`);
  assert.equal(await raw.take((packet) => packet.startsWith('42["move"')), echoed);
});

testLibchat('bytes', async (t) => {
  const server = await startServer(t, 'libchat');
  const { plain, v1, polling, websocket, socketIo } = await everybody(t, server);
  plain.send(bytes(0, 1, 0x1e, 255));
  assert.deepEqual(await plain.take(), bytes(0, 1, 0x1e, 255));
  const lone = await v1.takeJson();
  assert.deepEqual([lone.event, lone.args, lone.attachments],
    ['chat message', [{ _placeholder: true, num: 0 }], ['AAEe/w==']]);
  for (const client of socketIo) assert.deepEqual(await client.take(), ['chat message', bytes(0, 1, 0x1e, 255)]);

  for (const [index, sayer] of [polling, websocket].entries()) {
    sayer.emit('file', { name: '파일', parts: [bytes(1, index), bytes()] }, 'last');
    assert.equal(await plain.take(),
      '[{"name":"파일","parts":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]},"last"]');
    assert.deepEqual([await plain.take(), await plain.take()], [bytes(1, index), bytes()]);
    const heard = await v1.takeJson();
    assert.deepEqual([heard.event, heard.attachments], ['file', [bytes(1, index).toString('base64'), '']]);
    for (const client of socketIo) {
      assert.deepEqual(await client.take(), ['file', { name: '파일', parts: [bytes(1, index), bytes()] }, 'last']);
    }
  }

  v1.sendJson({ type: 'send', event: 'file', args: [{ _placeholder: true, num: 0 }, 1], attachments: ['AAEC'] });
  for (const client of socketIo) assert.deepEqual(await client.take(), ['file', bytes(0, 1, 2), 1]);
  polling.emit('chat message', bytes(7));
  assert.deepEqual(await plain.take((data) => Buffer.isBuffer(data) && data.length === 1), bytes(7));
});

testLibchat('with recovery, what has no number has no offset, and its last string is not taken for one', async (t) => {
  const server = await startServer(t, 'libchat', { recovery: true });
  const { v1, socketIo } = await everybody(t, server);
  v1.sendJson({ type: 'send', event: 'typing', args: ['Ann'], ephemeral: true });
  v1.sendJson({ type: 'send', event: 'typing', args: [1], ephemeral: true });
  for (const client of socketIo) {
    assert.deepEqual(await client.next(), ['typing', 'Ann', null]);
    assert.deepEqual(await client.next(), ['typing', 1]);
  }
});

testLibchat('events that are ephemeral by their name', async (t) => {
  const server = await startServer(t, 'libchat', { ephemeral_event: 'typing' });
  const { polling, websocket, v1 } = await everybody(t, server);
  assert.deepEqual(await polling.ask('typing', 1), [{}]);
  assert.deepEqual(await websocket.next(), ['typing', 1]);
  assert.equal((await v1.takeJson()).ephemeral, true);
});

testLibchat('rooms are namespaces', async (t) => {
  const server = await startServer(t, 'libchat');
  const lobby = await everybody(t, server);
  const dev = await everybody(t, server, 'dev');
  dev.polling.emit('chat message', 'in dev');
  assert.equal(await dev.plain.take(), 'in dev');
  lobby.websocket.emit('chat message', 'in the lobby');
  assert.equal(await lobby.plain.take(), 'in the lobby');
  for (const client of dev.socketIo) assert.deepEqual(await client.take(), ['chat message', 'in dev']);
  for (const client of lobby.socketIo) assert.deepEqual(await client.take(), ['chat message', 'in the lobby']);
  assert.equal((await dev.v1.takeJson()).text, 'in dev');
  await lobby.v1.request({ type: 'join', room: 'dev', ref: 1 }, 'joined');
  lobby.v1.sendJson({ type: 'send', room: 'dev', text: 'a guest' });
  for (const client of dev.socketIo) assert.deepEqual(await client.take(), ['chat message', 'a guest']);
});

testLibchat('the acknowledgement has the number that chat.v1 sees', async (t) => {
  const server = await startServer(t, 'libchat');
  const { v1, polling } = await everybody(t, server);
  v1.sendJson({ type: 'send', text: 'first' });
  const [ack] = await polling.ask('chat message', 'second');
  assert.deepEqual(ack, { seq: 2, epoch: v1.welcome.epoch });
});

testLibchat('what is refused: the acknowledgement says why', async (t) => {
  const server = await startApplication(t, 'libchat');
  for (const mode of Object.keys(modes)) {
    const ann = await connectSocketIo(t, server, { mode });
    assert.deepEqual(await ann.ask('chat message', '!refuse 싫어요'), [{ error: 'forbidden', reason: '싫어요' }]);
    const quiet = await connectSocketIo(t, server, { mode, namespace: '/quiet' });
    assert.deepEqual(await quiet.ask('chat message', 'psst'), [{ error: 'forbidden', reason: 'quiet, please' }]);
    quiet.emit('chat message', 'psst'); // nobody is told
    await quiet.socket.io.engine.transport.writable;
    assert.deepEqual(await quiet.ask('question', 1), [{ error: 'forbidden', reason: 'quiet, please' }]);
    assert.deepEqual(quiet.events.waiting, []);
    assert.deepEqual(quiet.states.waiting, []);
  }
});

testLibchat('too many, too quickly: refused with a word', async (t) => {
  const server = await startServer(t, 'libchat', { inbound_rate: 1, inbound_burst: 5 });
  const ann = await connectSocketIo(t, server, { mode: 'websocket' });
  const acks = Array.from({ length: 10 }, (_, number) => ann.ask('chat message', `${number}`));
  const answers = [];
  for (const ack of acks.slice(0, 6)) answers.push((await ack)[0]);
  assert.deepEqual(answers.slice(0, 5).map(({ seq }) => seq), [1, 2, 3, 4, 5]);
  assert.equal(answers[5].error ?? 'taken later', answers[5].error ? 'rate_limited' : 'taken later');
});

testLibchat('too quickly by POST: no answer until it is paid for, and no second POST before that', async (t) => {
  const server = await startServer(t, 'libchat', { inbound_rate: 1, inbound_burst: 5 });
  const events = Array(10).fill('42["chat message","hi"]').join(separator);
  const patient = await PollingSession.open(server);
  await patient.connect();
  const waiting = patient.post(events);
  const answers = await Promise.all([waiting, patient.post(events)]);
  assert.deepEqual(answers.map(({ status }) => status), [200, 400]);
  await patient.forgotten();

  const leaving = await PollingSession.open(server);
  await leaving.connect();
  const witness = await connectSocketIo(t, server, { mode: 'websocket' });
  let request;
  const unanswered = leaving.post(events, { onRequest: (sent) => { request = sent; } }).catch(() => {});
  await witness.take(); // what was posted has been taken, and its answer is held back
  request.destroy();
  await unanswered;
  await leaving.forgotten();
});

// ------------------------------------------------------------------------------------------------- what an application does

async function connectApplication(t, server, options = {}) {
  const client = await connectSocketIo(t, server, options);
  client.event = await server.program.event('open');
  client.client = client.event.client;
  return client;
}

testLibchat('on_connect sees what the client brings', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  for (const [mode, transport] of [['polling', 2], ['websocket', 1]]) {
    await connectSocketIo(t, server, {
      mode, namespace: '/dev', auth: { token: 'secret', n: 1 }, query: { color: 'blue' }, extraHeaders: { 'x-auth-token': 'abc' },
    });
    const event = await program.event('connect');
    assert.deepEqual([event.room, event.token, event.protocol, event.transport, event.query.color, event.headers['x-auth-token'],
      event.address], ['dev', 'secret', 3, transport, 'blue', 'abc', '127.0.0.1']);
    assert.deepEqual(JSON.parse(event.auth), { token: 'secret', n: 1 });
    await connectSocketIo(t, server, { mode });
    const bare = await program.event('connect');
    assert.deepEqual([bare.room, bare.token], ['lobby', '']);
    assert.ok(bare.auth === '' || bare.auth === '{}', bare.auth);
  }
});

testLibchat('a verdict that is deferred: accepted with an identity, refused with data, or never given', async (t) => {
  const server = await startApplication(t, 'libchat', { verdict_timeout_ms: scaledMs(3_000) });
  const { program } = server;
  for (const mode of Object.keys(modes)) {
    const ann = new SocketIoClient(t, server, { mode, auth: { mode: 'defer' } });
    ann.emit('chat message', 'early');
    const { client } = await program.event('connect');
    assert.equal((await program.command('accept', 0, client, 'u-1', 'Ann')).error, 'OK');
    await ann.opened();
    assert.deepEqual(await ann.take(), ['chat message', 'early']);
    assert.equal((await program.event('message', ({ data }) => data === 'early')).from_name, 'Ann');

    const refused = new SocketIoClient(t, server, { mode, auth: { mode: 'defer' } });
    const event = await program.event('connect');
    assert.equal((await program.command('refuse', 0, event.client, '오늘은 안 돼요', '{"retry":[1,null]}')).error, 'OK');
    assert.deepEqual(await refused.state('connect_error'),
      { state: 'connect_error', message: '오늘은 안 돼요', data: { retry: [1, null] } });
  }
  const forgotten = Object.keys(modes).map((mode) => new SocketIoClient(t, server, { mode, auth: { mode: 'defer' } }));
  for (const { message } of await Promise.all(forgotten.map((client) => client.state('connect_error')))) {
    assert.equal(message, 'no verdict in time');
  }
});

testLibchat('a client that goes before its verdict', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  for (const mode of ['polling', 'websocket']) {
    const lobby = await connectSocketIo(t, server, { mode });
    await program.event('connect');
    const dev = lobby.namespace('/dev', { auth: { mode: 'defer' } });
    const { client } = await program.event('connect');
    lobby.end();
    await program.event('disconnect');
    // The connection ends after the namespace, so the verdict may come in time still: then the end follows it.
    const { error } = await program.command('accept', 0, client, 'u-1', 'Ann');
    if (error === 'OK') {
      assert.equal((await program.event('disconnect', (event) => event.client === client)).user_id, 'u-1');
    } else {
      assert.equal(error, 'ERROR_NO_SUCH_CLIENT');
      assert.equal((await program.event('abandon')).client, client);
      assert.deepEqual(dev.states.waiting.filter(({ state }) => state === 'connect'), []);
    }
  }
});

testLibchat('each namespace of a link is a client with an identity and an end of its own', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  const lobby = await connectApplication(t, server, { mode: 'websocket', auth: { user_id: 'u-1', name: 'Ann' } });
  const dev = await lobby.namespace('/dev', { auth: { user_id: 'u-2', name: 'Bob' } }).opened();
  const opened = await program.event('open');
  assert.notEqual(opened.client, lobby.client);
  assert.deepEqual([lobby.event.name, opened.name, opened.user_id], ['Ann', 'Bob', 'u-2']);
  dev.socket.disconnect();
  const gone = await program.event('disconnect');
  assert.equal(gone.client, opened.client);
  assert.deepEqual(await lobby.ask('question', 'still here'), ['still here']);
  lobby.end();
  assert.equal((await program.event('disconnect')).client, lobby.client);
});

testLibchat('consumed and answered, at once and later, with bytes', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  const bob = await connectSocketIo(t, server, { mode: 'websocket' });
  for (const mode of Object.keys(modes)) {
    const ann = await connectSocketIo(t, server, { mode });
    const what = ['질문', { blob: bytes(0, 0x1e, 255) }, bytes()];
    assert.deepEqual(await ann.ask('question', ...what), what);
    const later = ann.ask('question-later', 1);
    const { client, ack_id: ackId } = await program.event('message', ({ event }) => event === 'question-later');
    assert.equal((await program.command('reply', 0, client, ackId, '["da",{"_placeholder":true,"num":0}]', 'bin:00ff')).error, 'OK');
    assert.deepEqual(await later, ['da', bytes(0, 255)]);
  }
  await bob.ask('question');
  assert.deepEqual(bob.events.waiting, []);
});

testLibchat('events to one client, to all but the sender, to the room, to everyone', async (t) => {
  const server = await startApplication(t, 'libchat');
  for (const mode of Object.keys(modes)) {
    const ann = await connectSocketIo(t, server, { mode });
    const bob = await connectSocketIo(t, server, { mode });
    const far = await connectSocketIo(t, server, { mode, namespace: '/far' });
    const [answer] = await ann.ask('script',
      ['emit', 'private', { deep: ['bin:00ff'] }, 7],
      ['broadcast', 'others', [1]],
      ['room', 'all', 2],
      ['to', 'far', 'afar', 3],
      ['everyone', 'news', 4],
      ['reply', 'done']);
    assert.equal(answer, 'done');
    assert.deepEqual(await ann.next(), ['private', { deep: [bytes(0, 255)] }, 7]);
    assert.deepEqual(await ann.take(), ['all', 2]);
    assert.deepEqual(await ann.next(), ['news', 4]);
    assert.deepEqual(await bob.take(), ['others', [1]]);
    assert.deepEqual(await bob.take(), ['all', 2]);
    assert.deepEqual(await bob.next(), ['news', 4]);
    assert.deepEqual(await far.take(), ['afar', 3]);
    assert.deepEqual(await far.next(), ['news', 4]);
    for (const client of [ann, bob, far]) client.end();
  }
});

testLibchat('an event that wants an acknowledgement: answered, in vain, and from who has gone', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  for (const mode of Object.keys(modes)) {
    const ann = await connectApplication(t, server, { mode });
    const ask = async (timeout) => {
      const { error, ack_id: id } = await program.command('send-ack', 0, ann.client, 'sure?', '["x",{"_placeholder":true,"num":0}]',
        timeout, 'bin:0102');
      assert.equal(error, 'OK');
      const event = await ann.next();
      const answer = event.pop();
      assert.deepEqual(event, ['sure?', 'x', bytes(1, 2)]);
      return { answer, outcome: program.event('ack', ({ ack_id: other }) => other === id) };
    };
    const first = await ask(20_000);
    first.answer('yes', bytes(3, 0x1e), null);
    const told = await first.outcome;
    assert.deepEqual([told.client, told.error, told.args, told.attachments],
      [ann.client, 'OK', '["yes",{"_placeholder":true,"num":0},null]', ['031e']]);

    const second = await ask(50);
    assert.equal((await second.outcome).error, 'ERROR_TIMED_OUT');
    second.answer('too late');

    const third = await ask(20_000);
    const fourth = await ask(20_000);
    fourth.answer();
    assert.deepEqual([(await fourth.outcome).error, (await fourth.outcome).args], ['OK', '[]']);
    ann.end();
    assert.equal((await third.outcome).error, 'ERROR_NO_SUCH_CLIENT');
  }
  const v1 = await connectV1(t, server);
  assert.equal((await program.command('send-ack', 0, v1.welcome.id, 'sure?', '[]', 100)).error, 'ERROR_UNSUPPORTED');
});

testLibchat('kick: the namespace goes, the link may stay', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  for (const mode of Object.keys(modes)) {
    const ann = await connectApplication(t, server, { mode });
    const dev = await ann.namespace('/dev').opened();
    const { client } = await program.event('open');
    assert.equal((await program.command('kick', 0, client, 'out')).error, 'OK');
    assert.equal((await dev.state('disconnect')).reason, 'io server disconnect');
    assert.deepEqual(await ann.ask('question', 'still here'), ['still here']);
    assert.deepEqual(ann.states.waiting, []);
    dev.socket.connect();
    await dev.opened();
    await program.event('open');
    ann.end();
  }
});

testLibchat('a ban takes a client out of its namespace, and keeps it out', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  const ann = await connectApplication(t, server, { mode: 'polling', namespace: '/dev', auth: { user_id: 'u-1', name: 'Ann' } });
  assert.equal((await program.command('ban', 0, ann.client, 'dev', 3_600_000, 'enough')).error, 'OK');
  assert.equal((await ann.state('disconnect')).reason, 'io server disconnect');
  ann.socket.connect();
  assert.equal((await ann.state('connect_error')).message, 'banned from the room dev');
  const lobby = await connectSocketIo(t, server, { auth: { user_id: 'u-1', name: 'Ann' } });
  assert.deepEqual(await lobby.ask('question', 1), [1]);
});

testLibchat('the end of a room is the end of its namespace sockets', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  const clients = [];
  for (const mode of Object.keys(modes)) clients.push(await connectSocketIo(t, server, { mode, namespace: '/dev' }));
  const lobby = await connectSocketIo(t, server);
  assert.equal((await program.command('close-room', 0, 'dev', 'over')).error, 'OK');
  for (const client of clients) assert.equal((await client.state('disconnect')).reason, 'io server disconnect');
  assert.deepEqual(await lobby.ask('question', 1), [1]);
  const again = await connectSocketIo(t, server, { namespace: '/dev' });
  assert.equal((await again.ask('chat message', 'anew'))[0].seq, 1);
});

testLibchat('a further room is heard in the own namespace', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  const ann = await connectApplication(t, server, { mode: 'polling' });
  const dev = await connectSocketIo(t, server, { namespace: '/dev' });
  assert.equal((await program.command('join', 0, ann.client, 'dev')).error, 'OK');
  dev.emit('chat message', 'to both');
  assert.deepEqual(await ann.take(), ['chat message', 'to both']);
  ann.emit('chat message', 'to the lobby');
  assert.deepEqual(await ann.take(), ['chat message', 'to the lobby']);
  assert.equal((await program.command('leave', 0, ann.client, 'dev')).error, 'OK');
  assert.deepEqual(await dev.take(), ['chat message', 'to both']);
  await dev.flushed();
  assert.deepEqual([...dev.events.waiting, ...ann.events.waiting], []);
});

testLibchat('the transport of a client is shown, and changes with the upgrade', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  const transportOf = async (client) => {
    assert.equal((await program.command('info', 0, client)).error, 'OK');
    const { protocol, transport } = await program.event('client');
    assert.equal(protocol, 3);
    return transport;
  };
  for (const [mode, transport] of [['polling', 2], ['websocket', 1]]) {
    const ann = await connectApplication(t, server, { mode });
    assert.equal(await transportOf(ann.client), transport);
  }
  const session = await PollingSession.open(server);
  await session.connect();
  const { client } = await program.event('open');
  assert.equal(await transportOf(client), 2);
  const socket = await session.websocket(t).opened();
  socket.send('2probe');
  await socket.take();
  assert.equal(await transportOf(client), 2);
  socket.send('5');
  socket.send('420["question"]');
  assert.equal(await socket.take(), '430[]');
  assert.equal(await transportOf(client), 1);
  assert.equal((await program.command('stats', 0)).error, 'OK');
  const stats = await program.event('stats');
  assert.deepEqual([stats.socket_io_now, stats.polling_now, stats.websocket_now], [3, 1, 2]);
});

for (const threads of [1, 2]) {
  testLibchat(`what comes in one piece with the upgrade and the end is heard, threads = ${threads}`, async (t) => {
    const server = await startApplication(t, 'libchat', { threads });
    // With two loops some of these sessions live on another one than their WebSocket.
    for (let round = 0; round < 10; round += 1) {
      const session = await PollingSession.open(server);
      await session.connect();
      const held = session.get();
      const { socket, ...client } = await session.websocket(t).opened();
      socket.send('2probe');
      assert.equal(await client.messages.take(), '3probe');
      await held;
      socket._socket.cork();
      for (const packet of ['5', `42["chat message","last words ${round}"]`, '41']) socket.send(packet);
      socket.close(1000);
      socket._socket.uncork();
      assert.equal((await server.program.event('message')).data, `last words ${round}`);
      assert.equal((await server.program.event('disconnect')).reason, 'client namespace disconnect');
    }
  });
}

testLibchat('how a client goes is told', async (t) => {
  const server = await startApplication(t, 'libchat', { ping_interval_ms: 100, ping_timeout_ms: scaledMs(2_000) });
  const { program } = server;
  const leave = async (how) => {
    await how();
    return (await program.event('disconnect')).reason;
  };
  const websocket = await connectApplication(t, server, { mode: 'websocket' });
  assert.equal(await leave(() => websocket.socket.disconnect()), 'client namespace disconnect');
  const cut = await connectApplication(t, server, { mode: 'websocket' });
  assert.equal(await leave(() => cut.cut()), 'transport close');
  const polling = await connectApplication(t, server, { mode: 'polling' });
  assert.equal(await leave(() => polling.cut()), 'transport close');
  const mute = new Client(t, server.url('/socket.io/?EIO=4&transport=websocket'));
  await mute.opened();
  mute.send('40');
  assert.equal(await leave(() => mute.closed), 'ping timeout');
  const wrong = new Client(t, server.url('/socket.io/?EIO=4&transport=websocket'));
  await wrong.opened();
  wrong.send('40');
  await wrong.take((packet) => packet.startsWith('40'));
  assert.equal(await leave(() => wrong.send('4x')), 'forced close');
});
