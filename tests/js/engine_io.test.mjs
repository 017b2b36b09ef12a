// Engine.IO 4 at /socket.io/: what stands on the wire, by raw HTTP and WebSocket, against the reference server and libchat.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { Socket as EngineSocket } from 'engine.io-client';
import { atEnd, Client, Queue, scaledMs } from './support.mjs';
import {
  PollingSession, clientDirectory, connectSocketIo, connectWebSocket, handshakePath, modes, openWebSocket, request,
  separator, startServer, testEach, testLibchat, testSame, told, untilClients,
} from './socket_io_support.mjs';

const plain = { recovery: false };
const codes = {
  unknownTransport: [0, 'Transport unknown'],
  unknownSid: [1, 'Session ID unknown'],
  badMethod: [2, 'Bad handshake method'],
  badRequest: [3, 'Bad request'],
  forbidden: [4, 'Forbidden'],
  unsupported: [5, 'Unsupported protocol version'],
};

function refusal([code, message], status = 400) {
  return { status, type: 'application/json', body: JSON.stringify({ code, message }) };
}

// ------------------------------------------------------------------------------------------------------------- handshake

testSame('the handshake over polling', plain, async (t, server) => {
  const answer = await request(server, handshakePath);
  const { sid, ...rest } = JSON.parse(answer.body.slice(1));
  assert.match(sid, /^[\w-]{20,}$/);
  return { ...told(answer, 'cache-control', 'content-encoding', 'set-cookie'), body: answer.body.replace(sid, 'SID'), rest };
}, {
  status: 200,
  type: 'text/plain; charset=UTF-8',
  'cache-control': 'no-store',
  'content-encoding': undefined,
  'set-cookie': undefined,
  body: '0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}',
  rest: { upgrades: ['websocket'], pingInterval: 25_000, pingTimeout: 20_000, maxPayload: 1_000_000 },
});

testSame('the handshake over a WebSocket', plain, async (t, server) => {
  const client = await openWebSocket(t, server);
  const { sid, ...rest } = client.handshake;
  assert.match(sid, /^[\w-]{20,}$/);
  return { keys: Object.keys(client.handshake), ...rest, protocol: client.socket.protocol, extensions: client.socket.extensions };
}, {
  keys: ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload'],
  upgrades: [],
  pingInterval: 25_000,
  pingTimeout: 20_000,
  maxPayload: 1_000_000,
  protocol: '',
  extensions: '',
});

testSame('the handshake announces the options', {
  ...plain, ping_interval_ms: 12_345, ping_timeout_ms: 6_789, max_http_body_bytes: 100_000,
}, async (t, server) => {
  const { sid, ...rest } = (await PollingSession.open(server)).handshake;
  return rest;
}, { upgrades: ['websocket'], pingInterval: 12_345, pingTimeout: 6_789, maxPayload: 100_000 });

// Arguments that the clients add, and that change nothing.
testSame('arguments that nobody knows', plain, async (t, server) => {
  const session = await PollingSession.open(server, { query: '&t=abc123&b64=1&EIO=4&x=%ff&y' });
  return (await session.connect()).startsWith('40{"sid":"');
}, true);

// ---------------------------------------------------------------------------------------------------------------- errors

const refused = [
  ['no transport', '/socket.io/?EIO=4', {}, refusal(codes.unknownTransport)],
  ['no query', '/socket.io/', {}, refusal(codes.unknownTransport)],
  ['unknown transport', '/socket.io/?EIO=4&transport=tube', {}, refusal(codes.unknownTransport)],
  ['an empty transport', '/socket.io/?EIO=4&transport=', {}, refusal(codes.unknownTransport)],
  ['another letter case', '/socket.io/?EIO=4&transport=Polling', {}, refusal(codes.unknownTransport)],
  ['webtransport', '/socket.io/?EIO=4&transport=webtransport', {}, refusal(codes.unknownTransport)],
  ['a name of JavaScript', '/socket.io/?EIO=4&transport=constructor', {}, refusal(codes.unknownTransport)],
  ['websocket without the upgrade', '/socket.io/?EIO=4&transport=websocket', {}, refusal(codes.badRequest)],
  ['the last of two transports counts', '/socket.io/?EIO=4&transport=polling&transport=x', {}, refusal(codes.unknownTransport)],
  ['EIO 3', '/socket.io/?EIO=3&transport=polling', {}, refusal(codes.unsupported)],
  ['EIO 5', '/socket.io/?EIO=5&transport=polling', {}, refusal(codes.unsupported)],
  ['EIO 04', '/socket.io/?EIO=04&transport=polling', {}, refusal(codes.unsupported)],
  ['no EIO', '/socket.io/?transport=polling', {}, refusal(codes.unsupported)],
  ['the last of two versions counts', '/socket.io/?EIO=4&transport=polling&EIO=3', {}, refusal(codes.unsupported)],
  ['unknown sid', `${handshakePath}&sid=nobody`, {}, refusal(codes.unknownSid)],
  ['unknown sid, POST', `${handshakePath}&sid=nobody`, { method: 'POST', body: '40' }, refusal(codes.unknownSid)],
  ['a sid of JavaScript', `${handshakePath}&sid=__proto__`, {}, refusal(codes.unknownSid)],
  ['transport before sid', '/socket.io/?EIO=4&sid=nobody', {}, refusal(codes.unknownTransport)],
  ['sid before version', '/socket.io/?EIO=3&transport=polling&sid=nobody', {}, refusal(codes.unknownSid)],
  ['POST without sid', handshakePath, { method: 'POST', body: '40' }, refusal(codes.badMethod)],
  ['POST with an empty sid', `${handshakePath}&sid=`, { method: 'POST', body: '40' }, refusal(codes.badMethod)],
  ['PUT', handshakePath, { method: 'PUT', body: '40' }, refusal(codes.badMethod)],
  ['DELETE', handshakePath, { method: 'DELETE' }, refusal(codes.badMethod)],
  ['PATCH', handshakePath, { method: 'PATCH', body: '40' }, refusal(codes.badMethod)],
  ['HEAD', handshakePath, { method: 'HEAD' }, { ...refusal(codes.badMethod), body: '' }],
  ['method before version', '/socket.io/?EIO=3&transport=polling', { method: 'POST', body: '' }, refusal(codes.badMethod)],
];

for (const [name, address, options, expected] of refused) {
  testSame(`refused: ${name}`, plain, async (t, server) => told(await request(server, address, options)), expected);
}

testSame('refused: OPTIONS without an Origin rule', plain,
  async (t, server) => told(await request(server, handshakePath, { method: 'OPTIONS' })), refusal(codes.badMethod));

testSame('below the endpoint is the endpoint, beside it is not', plain, async (t, server) => {
  const statuses = [];
  for (const address of ['/socket.iox/', '/socket.i', '/SOCKET.IO/', '/socket.io.js']) {
    statuses.push((await request(server, `${address}?EIO=4&transport=polling`)).status);
  }
  return statuses;
}, [404, 404, 404, 404]);

// With a session: the version and the transport have to be the session's.
testSame('refused: requests that do not fit their session', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  const overWebSocket = await openWebSocket(t, server);
  const answers = {};
  const ask = async (name, address, options) => { answers[name] = told(await request(server, address, options)); };
  await ask('another version', `/socket.io/?EIO=3&transport=polling&sid=${session.sid}`);
  await ask('no version', `/socket.io/?transport=polling&sid=${session.sid}`);
  await ask('websocket without the upgrade', `/socket.io/?EIO=4&transport=websocket&sid=${session.sid}`);
  await ask('polling at a WebSocket', `${handshakePath}&sid=${overWebSocket.handshake.sid}`);
  await ask('a POST at a WebSocket', `${handshakePath}&sid=${overWebSocket.handshake.sid}`, { method: 'POST', body: '3' });
  assert.equal(await session.isKnown(), true);
  return answers;
}, {
  'another version': refusal(codes.badRequest),
  'no version': refusal(codes.badRequest),
  'websocket without the upgrade': refusal(codes.badRequest),
  'polling at a WebSocket': refusal(codes.badRequest),
  'a POST at a WebSocket': refusal(codes.badRequest),
});

// The reference's 500 without a body is an accident of its polling transport.
testSame('other methods with a sid leave the session alone', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  const answers = [];
  for (const method of ['PUT', 'DELETE', 'PATCH']) answers.push(told(await session.get({ method })));
  return [answers, await session.isKnown()];
}, [Array(3).fill({ status: 500, type: undefined, body: '' }), true], [Array(3).fill(refusal(codes.badRequest)), true]);

// The status line, the headers and the body of a refused WebSocket.
function upgradeRefusal(server, address, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = http.request(server.http(address), {
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers,
      },
    });
    sent.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => { body += text; });
      response.on('end', () => resolve({
        status: response.statusCode, type: response.headers['content-type'], connection: response.headers.connection, body,
      }));
    });
    sent.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode });
    });
    sent.on('error', reject);
    sent.end();
  });
}

const bareRefusal = (body) => ({ status: 400, type: 'text/html', connection: 'close', body });

for (const [name, address, expected] of [
  ['no transport', '/socket.io/?EIO=4', 'Transport unknown'],
  ['unknown transport', '/socket.io/?EIO=4&transport=tube', 'Transport unknown'],
  ['unknown sid', '/socket.io/?EIO=4&transport=websocket&sid=nobody', 'Session ID unknown'],
]) {
  testSame(`a WebSocket is refused: ${name}`, plain, (t, server) => upgradeRefusal(server, address), bareRefusal(expected));
}

testSame('a WebSocket is refused: the version of another session', plain, async (t, server) => {
  const { sid } = await PollingSession.open(server);
  return upgradeRefusal(server, `/socket.io/?EIO=3&transport=websocket&sid=${sid}`);
}, bareRefusal('Bad request'));

// The reference opens it first, and then writes the HTTP answer into the WebSocket: nothing to imitate.
testLibchat('a WebSocket is refused: other versions', async (t) => {
  const server = await startServer(t, 'libchat', plain);
  for (const version of ['', '&EIO=3', '&EIO=5']) {
    assert.deepEqual(await upgradeRefusal(server, `/socket.io/?transport=websocket${version}`),
      bareRefusal('Unsupported protocol version'));
  }
});

// ------------------------------------------------------------------------------------------------------ polling: payloads

const sidless = (packet) => packet.replace(/"(sid|pid)":"[^"]*"/g, '"$1":""');

testSame('several packets in one POST, several in one answer', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.send('40');
  await session.send('42["a",1]', '42["b","텍스트"]', '3', '42["c",{"deep":[1.50,1e400]}]'.replace(',1e400', ''));
  const packets = [];
  for (let count = 0; count < 4; count += 1) packets.push(sidless(await session.take()));
  return packets;
}, ['40{"sid":""}', '42["a",1]', '42["b","텍스트"]', '42["c",{"deep":[1.5]}]'],
['40{"sid":""}', '42["a",1]', '42["b","텍스트"]', '42["c",{"deep":[1.50]}]']);

testSame('binary over polling is base64', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  await session.send('452-["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', 'bAAECAwQ=', 'b/+8=');
  const packets = [];
  for (let count = 0; count < 3; count += 1) packets.push(await session.take());
  return packets;
}, ['452-["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', 'bAAECAwQ=', 'b/+8=']);

testSame('a held GET is answered when something comes', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  const held = session.get();
  await session.send('42["hello"]');
  return told(await held, 'cache-control');
}, { status: 200, type: 'text/plain; charset=UTF-8', body: '42["hello"]', 'cache-control': 'no-store' });

testSame('what a POST is answered', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  const types = ['text/plain;charset=UTF-8', 'text/plain', 'application/json', 'application/x-www-form-urlencoded', ''];
  const answers = [];
  for (const type of types) answers.push(told(await session.post('3', { headers: { 'content-type': type } }), 'cache-control'));
  return answers;
}, Array(5).fill({ status: 200, type: 'text/html', body: 'ok', 'cache-control': 'no-store' }));

testSame('a body in chunks, and one that comes in pieces', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  const body = Buffer.from('42["조각","나누어"]');
  const answer = await new Promise((resolve, reject) => {
    const sent = http.request(server.http(session.address), { method: 'POST', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject);
    const rest = [...body];
    const next = () => {
      if (rest.length === 0) sent.end();
      else sent.write(Buffer.from(rest.splice(0, 5)), () => setImmediate(next));
    };
    next();
  });
  return [answer, await session.take()];
}, [200, '42["조각","나누어"]']);

testSame('requests one after another on one connection', plain, async (t, server) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  atEnd(t, () => agent.destroy());
  const ports = new Set();
  agent.on('free', (socket) => ports.add(socket.localPort));
  const session = await PollingSession.open(server);
  const statuses = [];
  const take = async (answer) => statuses.push((await answer).status);
  await take(session.post('40', { agent }));
  await take(session.get({ agent }));
  for (let count = 0; count < 5; count += 1) {
    await take(session.post(`42["n",${count}]`, { agent }));
    await take(session.get({ agent }));
    await take(request(server, `${handshakePath}&sid=nobody`, { agent }));
    await take(request(server, handshakePath, { agent, method: 'POST', body: 'x'.repeat(count * 1_000) }));
  }
  await take(session.post('1', { agent }));
  return [statuses, ports.size];
}, [[200, 200, ...Array(5).fill([200, 200, 400, 400]).flat(), 200], 1]);

// What the session says at last, and that it is gone.
async function ending(session, held) {
  const outcome = await held.then(({ status, body }) => ({ status, body }), () => 'broken off');
  await session.forgotten();
  return outcome;
}

testSame('a second GET at once closes the session', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  let first;
  await new Promise((resolve) => {
    first = session.get({ onRequest: (sent) => sent.on('finish', resolve) });
  });
  // The second may come before the first: then they have changed places.
  const answers = await Promise.all([first, session.get()]);
  await session.forgotten();
  return answers.map(({ status, body }) => ({ status, body: status === 400 ? '' : body }))
    .sort((left, right) => left.status - right.status);
}, [{ status: 200, body: '1' }, { status: 400, body: '' }]);

testSame('a second POST at once closes the session', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  const held = session.get();
  // A POST whose body does not end.
  const open = http.request(server.http(session.address), {
    method: 'POST', agent: false, headers: { 'content-type': 'text/plain', 'content-length': '100' },
  });
  const openEnd = new Promise((resolve) => {
    open.on('error', () => resolve());
    open.on('response', (response) => response.resume().on('end', () => resolve()));
  });
  open.write('42["half"');
  atEnd(t, () => open.destroy());
  // Until the server has begun to read that one, another is not the second.
  let status = 200;
  while (status === 200) ({ status } = await session.post('3'));
  assert.equal(status, 400);
  const outcome = await ending(session, held);
  await openEnd;
  return outcome;
}, { status: 200, body: '1' });

testSame('breaking off a held GET closes the session', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  const other = await connectWebSocket(t, server);
  await session.connect();
  const held = http.get(server.http(session.address), { agent: false });
  held.on('error', () => {});
  // A packet on its way to the client shows that the GET is held.
  await new Promise((resolve) => {
    held.on('response', (response) => response.resume().on('end', resolve));
    other.send('42["hello"]');
  });
  const second = http.get(server.http(session.address), { agent: false });
  second.on('error', () => {});
  await once(second, 'finish');
  second.destroy();
  await session.forgotten();
  return true;
}, true);

testSame('breaking off a POST closes the session', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  const held = session.get();
  const post = http.request(server.http(session.address), { method: 'POST', agent: false, headers: { 'content-length': '100' } });
  post.on('error', () => {});
  post.write('42["half"');
  await once(post, 'socket');
  await new Promise((resolve) => post.write(',1', resolve));
  post.destroy();
  return ending(session, held);
}, { status: 200, body: '1' });

testSame('the close packet: the held GET gets a noop, the POST its ok', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  const held = session.get();
  const answer = told(await session.post('1'));
  return [answer, await ending(session, held)];
}, [{ status: 200, type: 'text/html', body: 'ok' }, { status: 200, body: '6' }]);

testSame('what stands before the close packet counts, what stands behind it does not', plain, async (t, server) => {
  const listener = await connectWebSocket(t, server);
  const session = await PollingSession.open(server);
  await session.connect();
  await session.send('42["before"]', '1', '42["behind"]');
  await session.forgotten();
  listener.send('42["done"]');
  const heard = [await listener.take()];
  while (heard.at(-1) !== '42["done"]') heard.push(await listener.take());
  return heard;
}, ['42["before"]', '42["done"]']);

for (const [name, headers] of [['with a length', true], ['in chunks', false]]) {
  testSame(`a body of ${name} above the limit: 413, and the session goes on`, { ...plain, max_http_body_bytes: 10_000 },
    async (t, server) => {
      const session = await PollingSession.open(server);
      await session.connect();
      const send = (size) => new Promise((resolve) => {
        const body = Buffer.from(`42["x","${'x'.repeat(size - 10)}"]`);
        const sent = http.request(server.http(session.address), {
          method: 'POST', agent: false, headers: headers ? { 'content-length': body.length } : {},
        }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (piece) => { text += piece; });
          response.on('end', () => resolve({ status: response.statusCode, body: text }));
        });
        // The rest of the body may find the connection closed; the answer has come then, or is the error.
        sent.on('error', (error) => resolve(error.code));
        sent.write(body.subarray(0, 5_000));
        sent.end(body.subarray(5_000));
      });
      const answers = [await send(10_000), await send(10_001), await send(20_000)];
      return [answers.map(({ status, body }) => `${status} ${body}`), await session.isKnown()];
    }, [['200 ok', '413 ', '413 '], true]);
}

const malformedPayloads = {
  empty: '',
  'no such type': '7',
  'text without a type': 'hello',
  'a separator at the end': `42["x"]${separator}`,
  'a separator at the beginning': `${separator}42["x"]`,
  'two separators': `42["x"]${separator}${separator}42["y"]`,
  'a ping from the client': '2',
  'a message without anything': '4',
  'a packet of Socket.IO that is none': '4x',
  'binary that nobody announced': 'bAAEC',
};

for (const [name, body] of Object.entries(malformedPayloads)) {
  testSame(`a malformed payload closes: ${name}`, plain, async (t, server) => {
    const session = await PollingSession.open(server);
    await session.connect();
    const held = session.get();
    const answer = told(await session.post(body));
    const { body: said } = await held;
    await session.forgotten();
    // What was said in the same payload before the fault may stand before the close.
    return [answer, said.split(separator).at(-1)];
  }, [{ status: 200, type: 'text/html', body: 'ok' }, '1']);
}

testSame('packets of no use are ignored', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  await session.send('0', '0{"sid":"x"}', '3', '3probe', '5', '6', '6x');
  await session.send('42["alive"]');
  return session.take();
}, '42["alive"]');

testSame('application/octet-stream is refused', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  const held = session.get();
  const { status } = await session.post('3', { headers: { 'content-type': 'application/octet-stream' } });
  return [status, await ending(session, held)];
}, [400, { status: 200, body: '1' }]);

// ------------------------------------------------------------------------------------------------------------- WebSocket

for (const [name, packet] of Object.entries({
  'an empty one': '',
  'no such type': '7',
  'a ping': '2',
  'a message without anything': '4',
  'binary that nobody announced': Buffer.from([1]),
  'base64 that nobody announced': 'bAAEC',
})) {
  testSame(`a malformed frame closes: ${name}`, plain, async (t, server) => {
    const client = await connectWebSocket(t, server);
    client.send(packet);
    return client.closed;
  }, { code: 1005, reason: '' });
}

testSame('frames of no use are ignored, base64 is taken', plain, async (t, server) => {
  const client = await connectWebSocket(t, server);
  for (const packet of ['0', '1x', '3', '3probe', '5', '6']) if (packet !== '1x') client.send(packet);
  client.send('451-["file",{"_placeholder":true,"num":0}]');
  client.send('bAAEC');
  return [await client.take(), await client.take()];
}, ['451-["file",{"_placeholder":true,"num":0}]', Buffer.from([0, 1, 2])]);

// In the reference a close packet on a WebSocket means nothing: its clients close the WebSocket.
testSame('a close packet on a WebSocket', plain, async (t, server) => {
  const client = await connectWebSocket(t, server);
  client.send('1');
  client.send('42["alive"]');
  return Promise.race([client.take(), client.closed]);
}, '42["alive"]');

testSame('a frame above the limit: 1009', { ...plain, max_http_body_bytes: 10_000, max_message_bytes: 10_000 }, async (t, server) => {
  const client = await connectWebSocket(t, server);
  client.send(`42["x","${'x'.repeat(10_000 - 10)}"]`);
  const { length } = await client.take();
  client.send('x'.repeat(10_001));
  return [length, (await client.closed).code];
}, [10_000, 1009]);

testSame('bytes that are no UTF-8: 1007', plain, async (t, server) => {
  const client = await connectWebSocket(t, server);
  client.socket._sender.sendFrame([Buffer.from([0x81, 0x83, 0, 0, 0, 0, 0x34, 0xff, 0xfe])], () => {});
  return (await client.closed).code;
}, 1007);

testSame('subprotocols that a client offers', plain, async (t, server) => {
  const client = new Client(t, server.url('/socket.io/?EIO=4&transport=websocket'), ['socket.io', 'x']);
  await client.opened();
  return client.socket.protocol;
}, 'socket.io');

// --------------------------------------------------------------------------------------------------------------- upgrade

// A session that is connected to the lobby, and a WebSocket that has been probed.
async function probed(t, server) {
  const session = await PollingSession.open(server);
  await session.connect();
  const held = session.get();
  const socket = await session.websocket(t).opened();
  socket.send('2probe');
  assert.equal(await socket.take(), '3probe');
  return { session, held, socket };
}

testSame('the upgrade, by hand', plain, async (t, server) => {
  const { session, held, socket } = await probed(t, server);
  const polled = await held; // released, so that the client can go on
  socket.send('5');
  socket.send('42["over the WebSocket"]');
  const heard = await socket.take();
  const refusals = [told(await session.get()), told(await session.post('42["late"]'))];
  socket.send('42["still"]');
  return { polled: polled.body, heard, refusals, then: await socket.take() };
}, {
  polled: '6',
  heard: '42["over the WebSocket"]',
  refusals: [refusal(codes.badRequest), refusal(codes.badRequest)],
  then: '42["still"]',
});

testSame('what comes while the upgrade is under way is polled, or waits for it', plain, async (t, server) => {
  const { session, held, socket } = await probed(t, server);
  const other = await connectWebSocket(t, server);
  const packets = [(await held).body];
  other.send('42["one"]');
  await other.take();
  packets.push(...await session.poll());
  other.send('42["two"]');
  await other.take();
  socket.send('5');
  packets.push(await socket.take());
  return packets;
}, ['6', '42["one"]', '42["two"]']);

testSame('the client may send on polling until its upgrade packet', plain, async (t, server) => {
  const { session, held, socket } = await probed(t, server);
  await held;
  await session.send('42["polling"]');
  socket.send('5');
  socket.send('42["websocket"]');
  return [await socket.take(), await socket.take()];
}, ['42["polling"]', '42["websocket"]']);

testSame('an upgrade packet without a probe', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  const socket = await session.websocket(t).opened();
  socket.send('5');
  socket.send('42["hello"]');
  return socket.take();
}, '42["hello"]');

testSame('a GET that is held when the upgrade packet comes', plain, async (t, server) => {
  const { session, held, socket } = await probed(t, server);
  await held;
  let late;
  await new Promise((resolve) => { late = session.get({ onRequest: (sent) => sent.on('finish', resolve) }); });
  socket.send('5');
  const answer = await late;
  socket.send('42["hello"]');
  const heard = await socket.take();
  // Released before the upgrade packet, or let go by it: nothing is lost with it.
  assert.match(answer.body, /^(6|1|\{"code":3,"message":"Bad request"\})$/);
  return heard;
}, '42["hello"]');

for (const [name, packets] of Object.entries({
  'another probe': ['2other'],
  'a ping that is no probe': ['2'],
  'a message instead of the probe': ['42["x"]'],
  'a message instead of the upgrade': ['2probe', '42["x"]'],
  'a packet that is none': ['x'],
})) {
  testSame(`a wrong step ends the upgrade and not the session: ${name}`, plain, async (t, server) => {
    const session = await PollingSession.open(server);
    await session.connect();
    const socket = await session.websocket(t).opened();
    for (const packet of packets) socket.send(packet);
    const { code, reason } = await socket.closed;
    await session.send('42["still polling"]');
    let packet = '6'; // from a probe
    while (packet === '6') packet = await session.take();
    return { code, reason, packet };
  }, { code: 1005, reason: '', packet: '42["still polling"]' });
}

testSame('a WebSocket that goes before its upgrade packet leaves the session', plain, async (t, server) => {
  const { session, held, socket } = await probed(t, server);
  await held;
  await socket.close();
  await session.send('42["still polling"]');
  let packet = '6';
  while (packet === '6') packet = await session.take();
  const again = await session.websocket(t).opened();
  again.send('2probe');
  assert.equal(await again.take(), '3probe');
  again.send('5');
  again.send('42["upgraded"]');
  return [packet, await again.take()];
}, ['42["still polling"]', '42["upgraded"]']);

testSame('a second WebSocket for one session is closed', plain, async (t, server) => {
  const { session, held, socket } = await probed(t, server);
  await held;
  const second = await session.websocket(t).opened();
  const during = await second.closed;
  socket.send('5');
  socket.send('42["first"]');
  const heard = await socket.take();
  const third = await session.websocket(t).opened();
  return { during, heard, after: await third.closed };
}, { during: { code: 1005, reason: '' }, heard: '42["first"]', after: { code: 1005, reason: '' } });

testSame('an upgrade that is not finished ends, the session does not', { ...plain, upgrade_timeout_ms: scaledMs(200) }, async (t, server) => {
  const outcomes = [];
  for (const packets of [[], ['2probe']]) {
    const session = await PollingSession.open(server);
    await session.connect();
    const socket = await session.websocket(t).opened();
    for (const packet of packets) socket.send(packet);
    outcomes.push(await socket.closed);
    await session.send('42["still polling"]');
    let packet = '6';
    while (packet === '6') packet = await session.take();
    outcomes.push(packet);
  }
  return outcomes;
}, Array(2).fill([{ code: 1005, reason: '' }, '42["still polling"]']).flat());

testSame('the end of the session ends its upgrade', plain, async (t, server) => {
  const { session, held, socket } = await probed(t, server);
  await held;
  await session.post('1');
  return socket.closed;
}, { code: 1005, reason: '' });

testSame('after the upgrade the end of the WebSocket is the end of the session', plain, async (t, server) => {
  const { session, held, socket } = await probed(t, server);
  await held;
  socket.send('5');
  await socket.close();
  let answer;
  do answer = told(await session.get()); while (answer.body.includes('Bad request'));
  return answer;
}, refusal(codes.unknownSid));

// ------------------------------------------------------------------------------------------------------ pings and timers

// Time enough for an answer on a busy machine.
const quick = { ...plain, ping_interval_ms: 100, ping_timeout_ms: scaledMs(2_000) };

testSame('pings on a WebSocket: answered it lives, unanswered it is closed', quick, async (t, server) => {
  const client = await connectWebSocket(t, server);
  const packets = [];
  for (let count = 0; count < 4; count += 1) {
    packets.push(await client.take());
    client.send('3');
  }
  return { packets, rest: await client.closed };
}, { packets: ['2', '2', '2', '2'], rest: { code: 1005, reason: '' } });

testSame('pings over polling: answered it lives, unanswered it is closed', quick, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  const packets = [];
  for (let count = 0; count < 4; count += 1) {
    packets.push(await session.take());
    await session.send('3');
  }
  packets.push(await session.take()); // not answered
  packets.push(...await session.poll()); // the goodbye
  return [packets, await session.isKnown()];
}, [['2', '2', '2', '2', '2', '1'], false]);

testSame('a client that does not poll is given up', quick, async (t, server) => {
  const session = await PollingSession.open(server);
  let answer;
  do answer = told(await request(server, `${handshakePath}&sid=${session.sid}`, { method: 'HEAD' })); while (answer.status === 500);
  return answer.status;
}, 400, null);

testSame('who connects to no namespace is closed', { ...plain, connect_timeout_ms: scaledMs(2_000) }, async (t, server) => {
  const client = await openWebSocket(t, server);
  const session = await PollingSession.open(server);
  const held = session.get();
  const refusedOne = await openWebSocket(t, server);
  refusedOne.send('40/a/b,');
  const refusalText = await refusedOne.take();
  return [await client.closed, await ending(session, held), refusalText, await refusedOne.closed];
}, [{ code: 1005, reason: '' }, { status: 200, body: '1' }, '44/a/b,{"message":"Invalid namespace"}', { code: 1005, reason: '' }]);

testSame('who has connected once may stay without any namespace', { ...plain, connect_timeout_ms: scaledMs(2_000) }, async (t, server) => {
  const client = await connectWebSocket(t, server);
  client.send('41');
  const late = await openWebSocket(t, server);
  await late.closed; // its time has passed, and so has the other's
  client.send('40');
  return sidless(await client.take());
}, '40{"sid":""}');

// ------------------------------------------------------------------------------------------------------------------ CORS

const origin = 'http://friend.example';
const rule = { ...plain, origins: [origin] };
const corsHeaders = ['access-control-allow-origin', 'access-control-allow-credentials', 'vary'];

testSame('CORS: an allowed Origin', rule, async (t, server) => {
  const headers = { origin };
  const answers = [await request(server, handshakePath, { headers })];
  const session = await PollingSession.open(server, { headers });
  answers.push(await session.post('40'), await session.get());
  answers.push(await request(server, `${handshakePath}&sid=nobody`, { headers }));
  return answers.map((answer) => Object.fromEntries(['status', ...corsHeaders].map((name) => [name, answer[name] ?? answer.headers[name]])));
}, [200, 200, 200, 400].map((status) => ({
  status, 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true', vary: 'Origin',
})));

testSame('CORS: the preflight', rule, async (t, server) => {
  const answers = [];
  for (const wanted of [undefined, 'content-type, x-custom']) {
    const headers = { origin, 'access-control-request-method': 'POST' };
    if (wanted) headers['access-control-request-headers'] = wanted;
    const answer = await request(server, handshakePath, { method: 'OPTIONS', headers });
    const methods = answer.headers['access-control-allow-methods'].split(/ *, */);
    assert.ok(methods.includes('GET') && methods.includes('POST'), `${methods}`);
    const allowed = answer.headers['access-control-allow-headers'];
    assert.equal(allowed?.replaceAll(' ', ''), wanted?.replaceAll(' ', ''));
    answers.push(told(answer, 'access-control-allow-origin', 'access-control-allow-credentials'));
  }
  return answers;
}, Array(2).fill({
  status: 204,
  type: undefined,
  body: '',
  'access-control-allow-origin': origin,
  'access-control-allow-credentials': 'true',
}));

testSame('CORS: without Origin, and from the own host', rule, async (t, server) => {
  const none = await request(server, handshakePath);
  const own = await request(server, handshakePath, { headers: { origin: `http://127.0.0.1:${server.port}` } });
  return [none.status, own.status];
}, [200, 200]);

testSame('CORS: another Origin is forbidden', rule, async (t, server) => {
  const headers = { origin: 'http://stranger.example' };
  const answer = await request(server, handshakePath, { headers });
  const { status } = await upgradeRefusal(server, '/socket.io/?EIO=4&transport=websocket', headers);
  return [told(answer), answer.headers['access-control-allow-origin'] === headers.origin, status];
}, [refusal(codes.forbidden, 403), false, 400], [refusal(codes.forbidden, 403), false, 403]);

testLibchat('another Origin may not speak for a session that it knows', async (t) => {
  const server = await startServer(t, 'libchat', rule);
  const session = await PollingSession.open(server);
  const answer = await session.post('40', { headers: { origin: 'http://stranger.example' } });
  assert.deepEqual(told(answer), refusal(codes.forbidden, 403));
  assert.equal(await session.isKnown(), true);
});

// -------------------------------------------------------------------------------------------------- the client's own file

testSame('the client is served', plain, async (t, server) => {
  const results = [];
  for (const name of ['socket.io.js', 'socket.io.min.js', 'socket.io.js.map', 'socket.io.esm.min.js']) {
    const answer = await request(server, `/socket.io/${name}`);
    assert.match(answer.headers.etag, /^(W\/)?"[^"]+"$/);
    const again = await request(server, `/socket.io/${name}`, { headers: { 'if-none-match': answer.headers.etag } });
    results.push([name, answer.status, answer.headers['content-type'],
      answer.body === readFileSync(path.join(clientDirectory, name), 'utf8'), again.status, again.body]);
  }
  const withQuery = await request(server, '/socket.io/socket.io.js?v=1');
  return [...results, withQuery.status];
}, [
  ['socket.io.js', 200, 'application/javascript; charset=utf-8', true, 304, ''],
  ['socket.io.min.js', 200, 'application/javascript; charset=utf-8', true, 304, ''],
  ['socket.io.js.map', 200, 'application/json; charset=utf-8', true, 304, ''],
  ['socket.io.esm.min.js', 200, 'application/javascript; charset=utf-8', true, 304, ''],
  200,
], null);

testLibchat('nothing else is served from there', async (t) => {
  const server = await startServer(t, 'libchat', plain);
  for (const name of ['package.json', '..%2fpackage.json', '../package.json', '%2e%2e/package.json']) {
    const answer = await new Promise((resolve) => {
      const socket = net.connect(server.port, '127.0.0.1');
      let text = '';
      socket.setEncoding('utf8').on('data', (piece) => { text += piece; });
      socket.on('close', () => resolve(text));
      socket.end(`GET /socket.io/${name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    });
    assert.match(answer, /^HTTP\/1\.1 40[0-9] /);
    assert.doesNotMatch(answer, /"version"/);
  }
});

// -------------------------------------------------------------------------------------------------------- engine.io-client

for (const mode of Object.keys(modes)) {
  testEach(`engine.io-client, ${mode}`, async (t, kind) => {
    const server = await startServer(t, kind, { ...plain, ping_interval_ms: 100 });
    const socket = new EngineSocket(server.http(), { path: '/socket.io/', transports: modes[mode] });
    const packets = new Queue();
    let pings = 0;
    const pinged = new Promise((resolve) => socket.on('ping', () => { pings += 1; if (pings === 3) resolve(); }));
    const closed = new Promise((resolve) => socket.on('close', resolve));
    const settled = mode === 'upgrade' ? new Promise((resolve) => socket.on('upgrade', resolve)) : Promise.resolve();
    socket.on('message', (data) => packets.push(data));
    atEnd(t, () => socket.close());
    await new Promise((resolve) => socket.on('open', resolve));
    socket.send('0');
    assert.match(await packets.take(), /^0\{"sid":"/);
    await settled;
    socket.send('51-["bytes",{"_placeholder":true,"num":0}]');
    socket.send(Buffer.from([0, 1, 255]));
    assert.equal(await packets.take(), '51-["bytes",{"_placeholder":true,"num":0}]');
    assert.deepEqual(Buffer.from(await packets.take()), Buffer.from([0, 1, 255]));
    await pinged;
    socket.close();
    assert.equal(await closed, 'forced close');
  });
}

// A member's leaving is what others notice of its end, whatever the way.
testEach('every way of going ends the socket', async (t, kind) => {
  const server = await startServer(t, kind, plain);
  const ends = {
    'the close packet': async () => { const s = await PollingSession.open(server); await s.connect(); await s.post('1'); return s; },
    'a broken WebSocket': async () => { const c = await connectWebSocket(t, server); c.socket.terminate(); return null; },
    'a DISCONNECT': async () => { const c = await connectSocketIo(t, server); c.socket.disconnect(); return null; },
  };
  for (const end of Object.values(ends)) await (await end())?.forgotten();
  await untilClients(server, 0);
});
