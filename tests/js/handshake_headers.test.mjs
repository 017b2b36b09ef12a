// Headers that a client may send with its handshake and that must neither be lost nor get in its way: any name, in any number,
// and what stands beside a subprotocol.
import assert from 'node:assert/strict';
import net from 'node:net';
import {
  PollingSession, SocketIoClient, startApplication, startServer, testLibchat, testSame, versions,
} from './socket_io_support.mjs';
import { Client, atEnd, connectV1, startChatd, startTestd, test } from './support.mjs';

const plain = { recovery: false };

// The header lines that on_connect was told of, those of these names.
function told(event, names) {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  return event.header_lines.filter(([name]) => wanted.has(name));
}

// ------------------------------------------------------------------------------------------------------------ extraHeaders

// Names that libraries and proxies use, and names that a parser of known headers might trip over.
const extraHeaders = {
  auth: 'x',
  'X-Auth': 'x-auth',
  user: 'ann',
  access: '1',
  if: 'if',
  x: 'one letter',
  zz: 'two letters',
  'X-Api-Key': 'k',
  'My-Custom-Header': 'abcd',
  'X-My-Very-Long-Header-Name-Indeed-It-Is-Longer-Than-Most-Of-Them-Are': 'long',
  'X_Underscore': 'underscore',
  'X.Dot': 'dot',
  '!#$%&*+-^`|~': 'every token character',
  '1': 'digit',
  'X-Empty': '',
  'X-Spaces': 'a  b   c',
  'X-Commas': 'a, b,, c',
  'X-Colons': 'a: b: c',
  'X-Quotes': '"a\\"b"',
  'X-Request-ID': 'q',
  'CF-Connecting-IP': '8.8.8.8',
  Authorization: 'Bearer t',
};

for (const version of Object.keys(versions)) {
  for (const mode of ['polling', 'websocket']) {
    testLibchat(`extraHeaders reach on_connect: ${version}, ${mode}`, async (t) => {
      const server = await startApplication(t, 'libchat');
      const client = await new SocketIoClient(t, server, { version, mode, extraHeaders }).opened();
      const event = await server.program.event('connect');
      const seen = Object.fromEntries(told(event, Object.keys(extraHeaders)));
      assert.deepEqual(seen, Object.fromEntries(Object.entries(extraHeaders).map(([name, value]) => [name.toLowerCase(), value])));
      assert.equal(event.token, 't');
      client.emit('chat message', 'hi');
      await client.take();
    });
  }
}

testLibchat('extraHeaders of the handshake stay the same after the upgrade', async (t) => {
  const server = await startApplication(t, 'libchat');
  const client = await new SocketIoClient(t, server, { mode: 'upgrade', extraHeaders: { 'X-Trace': '1' } }).opened();
  await client.settled();
  const dev = await client.namespace('/dev').opened();
  assert.ok(dev);
  for (const room of ['lobby', 'dev']) {
    const event = await server.program.event('connect', (seen) => seen.room === room);
    assert.deepEqual(told(event, ['x-trace']), [['x-trace', '1']]);
  }
});

// A handshake by hand: any lines, in any order, as often as they like.
function open(t, port, target, lines) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    atEnd(t, () => socket.destroy());
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (piece) => {
      text += piece;
      const end = text.indexOf('\r\n\r\n');
      if (end >= 0) resolve({ status: Number(text.split(' ')[1]), head: text.slice(0, end), body: text.slice(end + 4), socket });
    });
    socket.on('error', reject);
    socket.on('close', () => resolve({ status: 0, head: text, body: '', socket }));
    socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`, 'latin1');
  });
}

const opening = [
  'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

const many = [
  ['X-Trace: 1', 'X-Trace: 2', 'X-Trace: 1'],
  ['A: 1', 'B: 2', 'C: 3', 'B: 4', 'A: 5'],
  ['Accept-Language: ko', 'Accept-Language: en'],
  ['User-Agent: a', 'User-Agent: b'],
  ['X-Forwarded-For: 1.1.1.1', 'X-Forwarded-For: 2.2.2.2'],
  ['Referer: r', 'Sec-Fetch-Site: same-origin', 'X-Real-IP: 9.9.9.9'],
  ['X-Latin: \u00e9', 'X-Tab: a\tb', 'X-Trailing: a  \t'],
  Array.from({ length: 50 }, (_, index) => `X-${index}: ${index}`),
];

for (const [endpoint, target, lines] of [
  ['plain', '/chat', opening],
  ['chat.v1', '/chat.v1', opening],
  ['Socket.IO over a WebSocket', '/socket.io/?EIO=4&transport=websocket', opening],
]) {
  for (const end of ['first', 'last']) {
    test(`all header lines, in their order, each time: ${endpoint}, ${end}`, async (t) => {
      const testd = await startTestd(t);
      const port = testd.servers[0].port;
      for (const extra of many) {
        const answer = await open(t, port, target, end === 'first' ? [...extra, ...lines] : [...lines, ...extra]);
        assert.equal(answer.status, 101, `${extra}`);
        // A masked "40": CONNECT.
        if (target.startsWith('/socket.io')) answer.socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]));
        const event = await testd.event('connect');
        const names = extra.map((line) => line.slice(0, line.indexOf(':')));
        // Values are bytes; what is not UTF-8 is not for JSON to tell.
        const comparable = ([name, value]) => [name, value.replace(/[^\x00-\x7f].*/, '')];
        assert.deepEqual(told(event, names).map(comparable), extra.map((line) => {
          const colon = line.indexOf(':');
          return comparable([line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]);
        }));
        answer.socket.destroy();
      }
    });
  }
}

test('all header lines, in their order, each time: Socket.IO over polling', async (t) => {
  const testd = await startTestd(t);
  const server = { port: testd.servers[0].port, http: (address) => `http://127.0.0.1:${testd.servers[0].port}${address}` };
  const answer = await open(t, server.port, '/socket.io/?EIO=4&transport=polling', ['X-Trace: 1', 'B: 2', 'X-Trace: 3']);
  const session = Object.assign(new PollingSession(), {
    server, extra: '', headers: {}, sid: /"sid":"([^"]+)"/.exec(answer.body)[1],
  });
  await session.send('40');
  const event = await testd.event('connect');
  assert.deepEqual(told(event, ['x-trace', 'b']), [['x-trace', '1'], ['b', '2'], ['x-trace', '3']]);
});

testSame('two Cookie lines are one list', plain, async (t, server) => {
  const answer = await open(t, server.port, '/socket.io/?EIO=4&transport=websocket', [...opening, 'Cookie: a=1', 'Cookie: b=2']);
  return answer.status;
}, 101);

test('the cookies of two lines reach on_connect', async (t) => {
  const testd = await startTestd(t);
  await open(t, testd.servers[0].port, '/chat', [...opening, 'Cookie: a=1', 'Cookie: b=2; c=3']);
  const event = await testd.event('connect');
  assert.deepEqual(event.cookies, { a: '1', b: '2', c: '3' });
});

// ------------------------------------------------------------------------------------------------------------ subprotocols

const jwt = `eyJhbGciOiJIUzI1NiJ9.${'x'.repeat(200)}.${'y'.repeat(43)}`;

for (const [name, offered] of [
  ['alone', ['chat.v1']],
  ['before a JSON Web Token', ['chat.v1', jwt]],
  ['behind a JSON Web Token', [jwt, 'chat.v1']],
  ['beside a token of 63 characters', ['chat.v1', 'x'.repeat(63)]],
  ['beside a token of 64 characters', ['chat.v1', 'x'.repeat(64)]],
  ['beside a token of 65 characters', ['x'.repeat(65), 'chat.v1']],
  ['behind twenty others', [...Array.from({ length: 20 }, (_, index) => `other-${index}`), 'chat.v1']],
]) {
  test(`chat.v1 is agreed on: ${name}`, async (t) => {
    const server = await startChatd(t);
    const client = await new Client(t, server.url('/chat'), offered).opened();
    assert.equal(client.socket.protocol, 'chat.v1');
    assert.equal((await client.takeJson()).type, 'welcome');
  });
}

for (const [name, lines] of [
  ['empty elements before and behind', ['Sec-WebSocket-Protocol: , chat.v1,,']],
  ['empty elements without spaces', ['Sec-WebSocket-Protocol: ,,chat.v1,']],
  ['no spaces', ['Sec-WebSocket-Protocol: a,chat.v1']],
  ['tabs', ['Sec-WebSocket-Protocol: a\t,\tchat.v1\t']],
  ['two lines', ['Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: chat.v1']],
  ['two lines, one empty', ['Sec-WebSocket-Protocol:', 'Sec-WebSocket-Protocol: chat.v1']],
]) {
  test(`chat.v1 is agreed on: ${name}`, async (t) => {
    const server = await startChatd(t);
    const { status, head } = await open(t, server.port, '/chat', [...opening, ...lines]);
    assert.equal(status, 101);
    assert.match(head, /^sec-websocket-protocol: *chat\.v1 *$/im);
  });
}

test('a list of nothing but empty elements agrees on no subprotocol', async (t) => {
  const server = await startChatd(t);
  for (const value of ['', ',', ' , ,']) {
    const { status, head } = await open(t, server.port, '/chat', [...opening, `Sec-WebSocket-Protocol: ${value}`]);
    assert.equal(status, 101, value);
    assert.doesNotMatch(head, /^sec-websocket-protocol:/im);
  }
});

// The reference takes the first that is offered, whatever it is.
for (const [name, offered] of [
  ['one', ['socket.io']],
  ['two', ['a', 'b']],
  ['a JSON Web Token', [jwt]],
  ['a token of 64 characters', ['x'.repeat(64)]],
  ['chat.v1', ['chat.v1', 'x']],
  ['every token character', ["!#$%&'*+-.^_`|~09azAZ"]],
]) {
  testSame(`the subprotocol of a Socket.IO client: ${name}`, plain, async (t, server) => {
    const client = new Client(t, server.url('/socket.io/?EIO=4&transport=websocket'), offered);
    await client.opened();
    return [client.socket.protocol, (await client.take())[0]];
  }, [offered[0], '0']);
}

// The reference refuses lists that RFC 6455 does not allow; a list with empty elements is one that RFC 9110 wants accepted.
for (const [name, line, libchat] of [
  ['no space', 'a,b', 'a'],
  ['empty elements', ', a,,', 'a'],
  ['nothing', '', undefined],
]) {
  testLibchat(`the subprotocol list of a Socket.IO client: ${name}`, async (t) => {
    const server = await startServer(t, 'libchat', plain);
    const { status, head } = await open(t, server.port, '/socket.io/?EIO=4&transport=websocket', [...opening, `Sec-WebSocket-Protocol: ${line}`]);
    assert.equal(status, 101);
    assert.equal(/^sec-websocket-protocol: *(.*?) *$/im.exec(head)?.[1], libchat);
  });
}

// The rest of the handshake is not disturbed by any of it.
test('a client with many headers speaks chat.v1', async (t) => {
  const server = await startChatd(t);
  const socket = await new Client(t, server.url('/chat.v1'), ['chat.v1', jwt], {
    headers: Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`X-${index}`, 'v'.repeat(40)])),
  }).opened();
  const welcome = await socket.takeJson();
  assert.equal(welcome.type, 'welcome');
  const other = await connectV1(t, server);
  other.sendJson({ type: 'send', text: 'hi' });
  assert.equal((await socket.takeType('message')).text, 'hi');
});
