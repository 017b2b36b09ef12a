// What the two protocol documents require of a server, section by section: "Engine.IO" and "Socket.IO", each with the cases
// that the protocols' own test suites have, by raw HTTP and WebSocket, against the reference server and libchat. What those
// suites do with an application that sends messages back is done here with one that relays them to the sender's namespace.
import assert from 'node:assert/strict';
import { Client, scaledMs } from './support.mjs';
import {
  PollingSession, handshakePath, openWebSocket, request, startServer, testEach,
} from './socket_io_support.mjs';

const start = (t, kind, options = {}) => startServer(t, kind, { recovery: false, ...options });
const fields = ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload'];
// On purpose: nothing outside the server shows that it holds a GET, or that a session without one has timed out.
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

const status = async (server, address, options) => (await request(server, address, options)).status;

// How a WebSocket ends that may not even be opened: its HTTP status, or "closed".
async function refused(t, server, address) {
  const client = new Client(t, server.url(address));
  try {
    await client.opened();
  } catch (error) {
    if (error.status) return error.status;
  }
  await client.closed;
  return 'closed';
}

// In its main namespace, over a WebSocket.
async function connected(t, server, packet = '40') {
  const client = await openWebSocket(t, server);
  client.send(packet);
  client.connectAnswer = await client.take();
  return client;
}

// The next packet that is no ping.
const packet = (client) => client.take((data) => data !== '2');

// ----------------------------------------------------------------------------------------------- Engine.IO: handshake

testEach('Engine.IO, handshake, polling', async (t, kind) => {
  const server = await start(t, kind, { ping_interval_ms: 3000, ping_timeout_ms: 2000 });
  const answer = await request(server, handshakePath);
  assert.equal(answer.status, 200);
  assert.equal(answer.body[0], '0');
  const handshake = JSON.parse(answer.body.slice(1));
  assert.deepEqual(Object.keys(handshake).sort(), [...fields].sort());
  assert.equal(typeof handshake.sid, 'string');
  const { sid, ...rest } = handshake;
  assert.deepEqual(rest, { upgrades: ['websocket'], pingInterval: 3000, pingTimeout: 2000, maxPayload: 1_000_000 });

  for (const query of ['transport=polling', 'EIO=abc&transport=polling', 'EIO=4', 'EIO=4&transport=abc']) {
    assert.equal(await status(server, `/socket.io/?${query}`), 400, query);
  }
  for (const method of ['POST', 'PUT']) assert.equal(await status(server, handshakePath, { method }), 400, method);
});

testEach('Engine.IO, handshake, WebSocket', async (t, kind) => {
  const server = await start(t, kind, { ping_interval_ms: 3000, ping_timeout_ms: 2000 });
  const { handshake } = await openWebSocket(t, server);
  const { sid, ...rest } = handshake;
  assert.equal(typeof sid, 'string');
  assert.deepEqual(rest, { upgrades: [], pingInterval: 3000, pingTimeout: 2000, maxPayload: 1_000_000 });
  for (const query of ['transport=websocket', 'EIO=abc&transport=websocket', 'EIO=4', 'EIO=4&transport=abc']) {
    assert.ok([400, 'closed'].includes(await refused(t, server, `/socket.io/?${query}`)), query);
  }
});

// ------------------------------------------------------------------------------------------------- Engine.IO: message

const event = (text) => `42["message","${text}"]`;

for (const [name, packets] of Object.entries({
  'one text packet': [event('hello')],
  'several text packets': [event('test1'), event('test2'), event('test3')],
  'text and binary packets': [event('hello'), '451-["message",{"_placeholder":true,"num":0}]', 'bAQIDBA=='],
})) {
  testEach(`Engine.IO, message, polling: ${name}`, async (t, kind) => {
    const session = await PollingSession.open(await start(t, kind));
    await session.connect();
    await session.send(...packets);
    for (const sent of packets) assert.equal(await session.take(), sent);
  });
}

testEach('Engine.IO, message, polling: an invalid packet closes the session', async (t, kind) => {
  const session = await PollingSession.open(await start(t, kind));
  const answer = await session.post('abc').catch(() => ({ status: 400 })); // the connection may be closed instead
  assert.ok([200, 400].includes(answer.status), `${answer.status}`);
  assert.equal((await session.get()).status, 400);
});

testEach('Engine.IO, message, polling: a second GET closes the session', async (t, kind) => {
  const session = await PollingSession.open(await start(t, kind));
  let sent;
  const written = new Promise((resolve) => { sent = resolve; });
  const first = session.get({ onRequest: (message) => message.on('finish', sent) });
  await written;
  await pause(scaledMs(100)); // until the server holds it
  const second = await session.get();
  assert.ok([400, 500].includes(second.status), `${second.status}`);
  assert.equal((await session.get()).status, 400);
  const { status: held, body } = await first.catch(() => ({ status: 200, body: '1' }));
  assert.deepEqual([held, body], [200, '1']);
});

testEach('Engine.IO, message, WebSocket', async (t, kind) => {
  const client = await connected(t, await start(t, kind));
  client.send(event('hello'));
  assert.equal(await packet(client), event('hello'));
  client.send('451-["message",{"_placeholder":true,"num":0}]');
  client.send(Buffer.from([1, 2, 3, 4]));
  assert.equal(await packet(client), '451-["message",{"_placeholder":true,"num":0}]');
  assert.deepEqual(await packet(client), Buffer.from([1, 2, 3, 4]));
});

testEach('Engine.IO, message, WebSocket: an invalid packet closes the session', async (t, kind) => {
  const client = await openWebSocket(t, await start(t, kind));
  client.send('abc');
  await client.closed;
});

// ----------------------------------------------------------------------------------------------- Engine.IO: heartbeat

testEach('Engine.IO, heartbeat: pings and pongs', async (t, kind) => {
  const server = await start(t, kind, { ping_interval_ms: 300, ping_timeout_ms: scaledMs(5000) });
  const session = await PollingSession.open(server);
  for (let count = 0; count < 3; count += 1) {
    assert.deepEqual(await session.poll(), ['2']);
    assert.equal((await session.post('3')).status, 200);
  }
  const client = await openWebSocket(t, server);
  for (let count = 0; count < 3; count += 1) {
    assert.equal(await client.take(), '2');
    client.send('3');
  }
});

testEach('Engine.IO, heartbeat: a ping time-out closes', async (t, kind) => {
  const server = await start(t, kind, { ping_interval_ms: 300, ping_timeout_ms: 200 });
  const client = await openWebSocket(t, server);
  await client.closed;
  const session = await PollingSession.open(server);
  // A poll that comes before the time-out is answered with the ping, and the next one when the session ends.
  let status = 200;
  while (status === 200) ({ status } = await session.get());
  assert.equal(status, 400);
});

// --------------------------------------------------------------------------------------------------- Engine.IO: close

testEach('Engine.IO, close, polling', async (t, kind) => {
  const session = await PollingSession.open(await start(t, kind));
  const held = session.get();
  await pause(scaledMs(100)); // until the server holds it
  const posted = await session.post('1');
  assert.equal(posted.status, 200);
  const { status: code, body } = await held;
  assert.deepEqual([code, body], [200, '6']);
  assert.equal((await session.get()).status, 400);
});

testEach('Engine.IO, close, WebSocket', async (t, kind) => {
  const client = await openWebSocket(t, await start(t, kind));
  client.send('1');
  await client.closed;
});

// ------------------------------------------------------------------------------------------------- Engine.IO: upgrade

async function upgraded(t, server) {
  const session = await PollingSession.open(server);
  await session.connect();
  const client = await session.websocket(t).opened();
  client.send('2probe');
  assert.equal(await client.take(), '3probe');
  assert.deepEqual(await session.poll(), ['6']);
  client.send('5');
  client.send(event('hello'));
  assert.equal(await packet(client), event('hello'));
  return { session, client };
}

testEach('Engine.IO, upgrade', async (t, kind) => {
  const server = await start(t, kind);
  const { session, client } = await upgraded(t, server);
  assert.equal((await session.get()).status, 400, 'polling after it');
  const second = session.websocket(t);
  await second.closed;
  client.send(event('still here'));
  assert.equal(await packet(client), event('still here'));
});

// ------------------------------------------------------------------------------------------------- Socket.IO: connect

for (const [name, sent, prefix] of [
  ['the main namespace', '40', '40'],
  ['the main namespace, with a payload', '40{"token":"123"}', '40'],
  ['a custom namespace', '40/custom,', '40/custom,'],
  ['a custom namespace, with a payload', '40/custom,{"token":"abc"}', '40/custom,'],
]) {
  testEach(`Socket.IO, connect: ${name}`, async (t, kind) => {
    const client = await connected(t, await start(t, kind), sent);
    assert.equal(client.connectAnswer.slice(0, prefix.length), prefix);
    const answer = JSON.parse(client.connectAnswer.slice(prefix.length));
    assert.deepEqual(Object.keys(answer), ['sid']);
    assert.equal(typeof answer.sid, 'string');
  });
}

testEach('Socket.IO, connect: the payload reaches the application', async (t, kind) => {
  const server = await start(t, kind, { application: true });
  const client = await openWebSocket(t, server);
  client.send('40/custom,{"mode":"refuse","reason":"token 123"}');
  assert.equal(await packet(client), '44/custom,{"message":"token 123"}');
});

testEach('Socket.IO, connect: an unknown namespace', async (t, kind) => {
  const client = await openWebSocket(t, await start(t, kind));
  client.send('40/a/b');
  assert.equal(await packet(client), '44/a/b,{"message":"Invalid namespace"}');
});

testEach('Socket.IO, connect: an invalid handshake, and none', async (t, kind) => {
  const server = await start(t, kind, { connect_timeout_ms: 500 });
  const client = await openWebSocket(t, server);
  client.send('4abc');
  await client.closed;
  await (await openWebSocket(t, server)).closed;
});

// ---------------------------------------------------------------------------------------------- Socket.IO: disconnect

testEach('Socket.IO, disconnect: the main namespace; pings go on', async (t, kind) => {
  const server = await start(t, kind, { ping_interval_ms: 300, ping_timeout_ms: scaledMs(5000) });
  const client = await connected(t, server);
  client.send('41');
  assert.equal(await client.take(), '2');
});

testEach('Socket.IO, disconnect: a custom namespace; the main one goes on', async (t, kind) => {
  const client = await connected(t, await start(t, kind));
  client.send('40/custom,');
  assert.match(await packet(client), /^40\/custom,/);
  client.send('41/custom,');
  client.send(event('to the main namespace'));
  assert.equal(await packet(client), event('to the main namespace'));
});

// ------------------------------------------------------------------------------------------------- Socket.IO: message

const two = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];
const places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';

for (const [name, sent, expected] of [
  ['text', ['42["message",1,"2",{"3":[true]}]'], ['42["message",1,"2",{"3":[true]}]']],
  ['two attachments', [`452-["message",${places}]`, ...two], [`452-["message",${places}]`, ...two]],
  ['text with an acknowledgement', ['42456["question",1,"2",{"3":[false]}]'], ['43456[1,"2",{"3":[false]}]']],
  ['attachments with an acknowledgement', [`452-789["question",${places}]`, ...two], [`462-789[${places}]`, ...two]],
]) {
  testEach(`Socket.IO, message: ${name}`, async (t, kind) => {
    const client = await connected(t, await start(t, kind, { application: true }));
    for (const data of sent) client.send(data);
    for (const data of expected) assert.deepEqual(await packet(client), data);
  });
}

for (const [name, sent] of [
  ['an unknown packet type', '4abc'], ['an invalid payload', '42{}'],
  ['an invalid acknowledgement id', '42abc["question",1,"2",{"3":[false]}]'],
]) {
  testEach(`Socket.IO, message: ${name} closes the connection`, async (t, kind) => {
    const client = await connected(t, await start(t, kind));
    client.send(sent);
    await client.closed;
  });
}
