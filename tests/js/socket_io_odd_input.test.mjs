// Odd and malformed packets, payloads and requests, many of them to one server of each kind: libchat has to answer each as the
// reference server does, or as the table says. What is different on purpose is named in docs/socketio.md, too.
//
// socket_io_packets.test.mjs holds the packets that have a test of their own.
import assert from 'node:assert/strict';
import net from 'node:net';
import { answered, hide, overPolling, overWebSocket, probe, turn } from './socket_io_outcomes.mjs';
import { PollingSession, kinds, separator, startServer, testLibchat, testSame } from './socket_io_support.mjs';
import { atEnd, test } from './support.mjs';

const plain = { recovery: false };
const bytes = Buffer.from([1, 2]);
const file = '451-["f",{"_placeholder":true,"num":0}]';
const closes = 'closes';

// Case by case: the reference's answer, and libchat's where the table has another one.
function testTable(name, table, run) {
  test(`the same: ${name}`, async (t) => {
    const servers = [await startServer(t, 'reference', plain)];
    if (kinds.includes('libchat')) servers.push(await startServer(t, 'libchat', plain));
    const problems = [];
    for (const [label, input, different] of table) {
      const outcomes = [];
      for (const server of servers) outcomes.push(await run(t, server, input).catch((error) => `failed: ${error.message}`));
      const [reference, libchat] = outcomes;
      const expected = different === undefined ? reference : different.libchat;
      try {
        if (libchat !== undefined) assert.deepEqual(libchat, expected);
        if (different !== undefined) assert.notDeepEqual(reference, expected, 'it is not different');
      } catch (error) {
        problems.push(`${label}: the reference ${JSON.stringify(reference)}, libchat ${JSON.stringify(libchat)}, ` +
          `expected ${JSON.stringify(expected)}`);
      }
    }
    assert.deepEqual(problems, []);
  });
}

const nested = (depth) => `42["a",${'['.repeat(depth)}${']'.repeat(depth)}]`;
const acked = (id) => ['42["a"]', `43${id}[{"seq":1,"epoch":""}]`];
const digits = (count) => '1'.repeat(count);

// name, packets, where libchat differs on purpose: what it does.
const packets = [
  // Acknowledgement ids.
  ['an id of zeros', ['42000["a"]']],
  ['an id of 31 bits', ['422147483647["a"]']],
  ['an id of 32 bits', ['424294967295["a"]']],
  ['2^53 as an id', ['429007199254740992["a"]']],
  ['an id above 2^53 that JavaScript holds', ['429007199254740994["a"]']],
  ['an id with many zeros before it', [`42${'0'.repeat(100)}7["a"]`]],
  ['an id of another namespace', ['40/dev,', answered, '42/dev,0012["a"]']],
  ['an id above 2^53 that JavaScript rounds', ['429007199254740993["a"]'], { libchat: acked('9007199254740993') }],
  ['an id of 64 bits', ['4218446744073709551615["a"]'], { libchat: acked('18446744073709551615') }],
  ['an id of 40 digits', [`42${digits(40)}["a"]`], { libchat: acked(digits(40)) }],
  ['an id of 64 digits', [`42${digits(64)}["a"]`], { libchat: acked(digits(64)) }],
  ['an id of 400 digits', [`42${digits(400)}["a"]`], { libchat: ['42["a"]'] }],
  ['binary with an id of 64 bits', ['451-18446744073709551615["f",{"_placeholder":true,"num":0}]', bytes],
    { libchat: [file, bytes, '4318446744073709551615[{"seq":1,"epoch":""}]'] }],
  ['an ACK with an id of 64 bits', ['4318446744073709551615[]']],
  ['an ACK with an id of 400 digits', [`43${digits(400)}[]`]],
  ['a DISCONNECT with an id', ['417', turn, '42["a"]']],
  ['a CONNECT with an id above 2^53', ['40/dev,9007199254740993', answered]],

  // Namespaces.
  ['a namespace that ends with the packet', ['40/dev', answered, '42/dev,["a"]']],
  ['DISCONNECT of a namespace without the comma', ['40/dev,', answered, '41/dev', turn, '42/dev,["a"]']],
  ['the root, spelt out', ['42/,["a"]']],
  ['the root without a comma', ['42/["a"]']],
  ['two commas', ['42/,,["a"]']],
  ['a comma without a namespace', ['42,["a"]']],
  ['CONNECT to the root a second time, spelt out', ['40/,']],
  ['a namespace with spaces inside', ['40/a b,', answered, '42/a b,["x"]']],
  ['a namespace in UTF-8', ['40/방,', answered, '42/방,["x"]']],
  ['a namespace with an emoji', ['40/😀,', answered, '42/😀,["x"]']],
  ['a namespace of JavaScript', ['40/__proto__,', answered, '42/__proto__,["x"]']],
  ['another namespace of JavaScript', ['40/constructor,', answered, '42/constructor,["x"]']],
  ['a namespace with a bracket', ['40/[x],', answered, '42/[x],["x"]']],
  ['a namespace that begins with a digit', ['40/1,', answered, '42/1,["x"]']],
  ['a namespace in other letters', ['40/Dev,', answered, '42/dev,["x"]']],
  ['an event to a refused namespace', ['40/a/b,', answered, '42/a/b,["x"]']],
  ['an ACK to a refused namespace', ['40/a/b,', answered, '43/a/b,1[]']],
  ['CONNECT to a refused namespace twice', ['40/a/b,', answered, '40/a/b,', answered]],
  ['DISCONNECT of a namespace twice', ['40/dev,', answered, '41/dev,', turn, '41/dev,']],
  ['CONNECT, DISCONNECT and CONNECT of a namespace', ['40/dev,', answered, '41/dev,', turn, '40/dev,', answered]],

  // CONNECT and its payload.
  ['CONNECT with a number', ['40/dev,[]']],
  ['CONNECT with true', ['40/dev,true']],
  ['CONNECT with an empty string', ['40/dev,""']],
  ['CONNECT with something behind the object', ['40/dev,{}x']],
  ['CONNECT with two objects', ['40/dev,{}{}']],
  ['CONNECT with the same name twice', ['40/dev,{"a":1,"a":2}', answered]],
  ['CONNECT with names of JavaScript', ['40/dev,{"__proto__":{"x":1},"constructor":1}', answered]],
  ['CONNECT with white space behind', ['40/dev,{} ', answered]],
  ['CONNECT_ERROR with a list', ['44[]']],
  ['CONNECT_ERROR of a namespace that is not connected', ['44/dev,{"message":"x"}']],

  // Events.
  ['an event named by zero', ['42[0]'], { libchat: ['42["0"]'] }],
  ['an event named by a list', ['42[["a"]]']],
  ['an event with white space inside', ['42[ "a" , 1 ]']],
  ['an event with a line end behind', ['42["a"]\n']],
  ['an event with a tab behind', ['42["a"]\t']],
  ['an event with a no-break space behind', ['42["a"]\u00a0']],
  ['an event with a NUL behind', ['42["a"]\u0000']],
  ['an event with escapes', ['42["a","\\/\\b\\u00e9"]'], { libchat: ['42["a","\\/\\b\\u00e9"]'] }],
  ['an event with an escaped name', ['42["\\u0061b",1]']],
  ['an event named in UTF-8', ['42["사건","값"]']],
  ['an event named by an emoji', ['42["😀"]']],
  ['an event with U+2028', ['42["a","\u2028"]']],
  ['an event with a BOM in a string', ['42["a","\ufeff"]']],
  ['a BOM before the packet', ['\ufeff42["a"]']],
  ['a BOM before the event', ['42\ufeff["a"]'], { libchat: [closes] }],
  ['an event with a separator in a string', ['42["a\\u001eb"]'], { libchat: [] }],
  ['an event with names of JavaScript', ['42["__proto__",{"__proto__":1}]']],
  ['an event with an object of JavaScript', ['42["a",{"constructor":{"prototype":1}}]']],
  ['an event named toString', ['42["toString"]']],
  ['an event named error', ['42["error","x"]']],
  ['an event named ping', ['42["ping"]']],
  ['an event named message', ['42["message","x"]']],
  ['an event named reconnect', ['42["reconnect",1]']],
  ['an event with null', ['42["a",null]']],
  ['an event with undefined', ['42["a",undefined]']],
  ['an event with Infinity', ['42["a",Infinity]']],
  ['an event with a plus', ['42["a",+1]']],
  ['an event with a leading zero', ['42["a",01]']],
  ['an event with a point at the end', ['42["a",1.]']],
  ['an event with a hexadecimal number', ['42["a",0x1]']],
  ['an event with a comment', ['42["a"/**/]']],
  ['an event with a comma at the beginning', ['42[,"a"]']],
  ['an event with two commas', ['42["a",,1]']],
  ['an event with an unfinished escape', ['42["a","\\u12"]']],
  ['an event with an unknown escape', ['42["a","\\x"]']],
  ['an event with an open string', ['42["a']],
  ['an event with a line end in a string', ['42["a","\n"]']],
  ['an event 60 deep', [nested(60)]],
  ['an event 100 deep', [nested(100)], { libchat: [] }],
  ['an event 200 deep', [nested(200)], { libchat: [closes] }],
  ['a closed bracket too many', ['42["a"]]']],
  ['an event with an id and without data', ['425'], { libchat: [closes] }],
  ['an event that is true', ['42true']],

  // Binary.
  ['binary of a namespace', ['40/dev,', answered, '451-/dev,["f",{"_placeholder":true,"num":0}]', bytes]],
  ['binary of the root, spelt out', ['451-/,["f",{"_placeholder":true,"num":0}]', bytes]],
  ['empty binary', [file, Buffer.alloc(0)]],
  ['the places in another order', ['452-["f",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]', bytes, Buffer.from([3])],
    { libchat: ['452-["f",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]', bytes, Buffer.from([3])] }],
  ['the names in another order', ['451-["f",{"num":0,"_placeholder":true}]', bytes]],
  ['a place as deep as an object goes', ['451-["f",{"a":[{"b":{"_placeholder":true,"num":0}}]}]', bytes]],
  ['a place with a fraction', ['451-["f",{"_placeholder":true,"num":0.5}]', bytes], { libchat: [closes] }],
  ['a place with null', ['451-["f",{"_placeholder":true,"num":null}]', bytes]],
  ['a number of attachments with an exponent', ['451e0-["f",{"_placeholder":true,"num":0}]', bytes], { libchat: [closes] }],
  ['a number of attachments in hexadecimal', ['450x1-["f",{"_placeholder":true,"num":0}]', bytes], { libchat: [closes] }],
  ['a number of attachments with a sign', ['45+1-["f",{"_placeholder":true,"num":0}]', bytes], { libchat: [closes] }],
  ['a number of attachments with a zero before it', ['4501-["f",{"_placeholder":true,"num":0}]', bytes]],
  ['a number of attachments that is no number', ['45NaN-["f"]']],
  ['a number of attachments beyond 2^64', ['4518446744073709551617-["f"]']],
  ['binary without a payload', ['451-', bytes], { libchat: [closes] }],
  ['a binary ACK without a payload', ['461-7', bytes]],
  ['a binary event named by an object', ['451-[{"_placeholder":true,"num":0}]', bytes]],
  ['a reserved binary event', ['451-["connect",{"_placeholder":true,"num":0}]', bytes]],
  ['a DISCONNECT where an attachment is due', [file, '41']],
  ['an attachment in base64 where one is due', [file, 'RAWbAQI=']],
  ['a pong where an attachment is due', [file, 'RAW3', bytes]],
  ['a noop where an attachment is due', [file, 'RAW6', bytes]],
];

// 'RAW...' is a packet of Engine.IO; the others are messages. Either helper takes both: a message begins with its 4.
const raw = (packet) => (typeof packet === 'string' && packet.startsWith('RAW') ? packet.slice(3) : packet);

// In the table "closes" is how the transport in question closes.
function onWebSocket(outcome) {
  return outcome.map((packet) => (packet === 'closed 1005' ? closes : packet));
}

function onPolling(outcome) {
  return outcome.map((packet) => {
    if (packet === 'closed') return closes;
    return packet[0] === 'b' ? Buffer.from(packet.slice(1), 'base64') : packet;
  });
}

// Counted anew in each server: the number of an event in its room says nothing here.
const unnumbered = (outcome) => outcome.map((packet) => (typeof packet === 'string' ? packet.replace(/"seq":\d+/, '"seq":1') : packet));

testTable('odd packets over a WebSocket', packets,
  async (t, server, list) => unnumbered(onWebSocket(await overWebSocket(t, server, list.map(raw), true))));
testTable('odd packets over polling', packets.filter(([, list]) => !list.some((packet) => /[\u001e\ufeff]/.test(String(packet)))),
  async (t, server, list) => unnumbered(onPolling(await overPolling(t, server, list.map(raw), true))));

// ------------------------------------------------------------------------------------------------------------ payloads

// What a POST is answered, and what comes of it.
async function afterPost(session, body, headers) {
  const { status, body: said } = await session.post(body, { headers });
  const outcome = [`${status} ${said}`];
  const then = await session.post(probe);
  if (then.status !== 200) return [...outcome, `then ${then.status} ${then.body}`];
  for (;;) {
    const packet = await session.take();
    if (packet === probe) return outcome;
    if (packet === '1') return [...outcome, closes];
    if (packet !== '6') outcome.push(hide(packet));
  }
}

const wrapped = (size) => Buffer.from([...Array(size).keys()]).toString('base64').replace(/.{76}/g, '$&\r\n');
const binary = (base64) => `${file}${separator}${base64}`;

const payloads = [
  ['empty', ''],
  ['only a separator', separator],
  ['a separator before a packet', `${separator}42["a"]`],
  ['a separator behind a packet', `42["a"]${separator}`],
  ['two separators between packets', `42["a"]${separator}${separator}42["b"]`],
  ['a line end as the separator', '42["a"]\n42["b"]'],
  ['a payload of Engine.IO 3', '8:42["a"]'],
  ['a length of Engine.IO 3', '2:42'],
  ['an unknown type behind a packet', `42["a"]${separator}7`],
  ['a letter', 'x'],
  ['a capital B', 'BAQI='],
  ['white space before a packet', ' 42["a"]'],
  ['a ping', '2'],
  ['a ping with data', '2probe'],
  ['a ping between packets', ['42["a"]', '2', '42["b"]'].join(separator)],
  ['a pong, twice', `3${separator}3`],
  ['an open packet', '0{"sid":"x"}'],
  ['an upgrade packet', '5'],
  ['a noop with data', '6x'],
  ['a message without data', '4'],
  ['a message of one space', '4 '],
  ['a packet of Socket.IO that is none', '4x'],
  ['a close packet', '1'],
  ['a close packet with data', '1x'],
  ['a close packet behind an unknown type', `7${separator}1`],
  ['an unknown type behind a close packet', `1${separator}7`],
  ['bytes that nobody announced', 'bAQI='],
  ['no bytes that nobody announced', 'b'],
  ['a field as forms send it', 'd=42%5B%22a%22%5D'],
  ['a CONNECT to where it is connected', '40'],

  // Base64, as clients write it: the Java client ends it with a line end, others leave the padding away.
  ['base64', binary('bAQI=')],
  ['base64 with a line end behind', binary('bAQI=\n')],
  ['base64 with CR LF behind', binary('bAQI=\r\n')],
  ['base64 with a line end and a packet behind', `${binary('bAQI=\n')}${separator}42["b"]`],
  ['base64 without padding', binary('bAQI')],
  ['base64 in the URL alphabet', binary('b-_8=')],
  ['base64 in both alphabets', binary('b-/+_')],
  ['base64 wrapped at 76', binary(`b${wrapped(200)}\r\n`)],
  ['base64 with spaces', binary('b AQ I= ')],
  ['base64 with foreign characters', binary('bA!Q.I*=')],
  ['base64 with letters outside ASCII', binary('bAQ\u00e9I=')],
  ['base64 with too much padding', binary('bAQI====')],
  ['base64 with something behind the padding', binary('bAQ==AQID')],
  ['base64 with padding at the beginning', binary('b=AQI')],
  ['base64 with stray bits', binary('bAR==')],
  ['base64 of one character', binary('bA')],
  ['base64 of nothing', binary('b')],
  ['base64 of padding alone', binary('b====')],
  ['base64 with a NUL', binary('bAQ\u0000I=')],
  ['the empty attachment of two', `452-["f",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]${separator}b${separator}bAQI`],

  // A request is text in UTF-8. The reference puts U+FFFD in the place of what is not.
  ['bytes that are not UTF-8', Buffer.from('34325b22ff225d', 'hex'), { libchat: ['200 ok', 'then 400 {"code":1,"message":"Session ID unknown"}'] }],
];

testTable('odd payloads in a POST', payloads.map(([name, body, different]) => [name, body, different]), async (t, server, body) => {
  const session = await PollingSession.open(server);
  await session.connect();
  return afterPost(session, body);
});

testTable('what a POST calls its payload', [
  ['what the tests say', {}],
  ['text/plain', { 'content-type': 'text/plain' }],
  ['text/plain in capitals', { 'content-type': 'TEXT/PLAIN;CHARSET=utf-8' }],
  ['text/plain in another charset', { 'content-type': 'text/plain; charset=ISO-8859-1' }],
  ['text/plain in UTF-16', { 'content-type': 'text/plain; charset=utf-16' }],
  ['JSON', { 'content-type': 'application/json' }],
  ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
  ['a form of parts', { 'content-type': 'multipart/form-data; boundary=x' }],
  ['no type at all', { 'content-type': '' }],
  ['not a type', { 'content-type': 'x' }],
  ['octets', { 'content-type': 'application/octet-stream' }],
  ['octets with a parameter', { 'content-type': 'application/octet-stream; charset=utf-8' }],
  ['octets in capitals', { 'content-type': 'Application/Octet-Stream' }],
  ['compressed, it says', { 'content-encoding': 'gzip' }],
  ['identity', { 'content-encoding': 'identity' }],
  ['a question before the body', { expect: '100-continue' }],
].map(([name, headers]) => [name, headers]), async (t, server, headers) => {
  const session = await PollingSession.open(server);
  await session.connect();
  return afterPost(session, '42["a"]', headers);
});

// ------------------------------------------------------------------------------------- an invalid packet without a GET

const unknownSid = '{"code":1,"message":"Session ID unknown"}';

for (const [name, body] of [['an unknown type', '7'], ['a ping', '2'], ['nothing', '']]) {
  testSame(`after an invalid packet without a held GET the session is unknown: ${name}`, plain, async (t, server) => {
    const session = await PollingSession.open(server);
    await session.connect();
    const { status } = await session.post(body);
    const answers = [await session.get(), await session.get(), await session.post('3')];
    return [status, ...answers.map((answer) => `${answer.status} ${answer.body}`)];
  }, [200, ...Array(3).fill(`400 ${unknownSid}`)]);
}

testSame('after an invalid packet of Socket.IO the next GET has the goodbye', plain, async (t, server) => {
  const session = await PollingSession.open(server);
  await session.connect();
  await session.send('4x');
  const goodbye = (await session.poll()).at(-1);
  const { status, body } = await session.get();
  return [goodbye, `${status} ${body}`];
}, ['1', `400 ${unknownSid}`]);

// ------------------------------------------------------------------------------------------- behind the upgrade packet

const badRequest = '400 {"code":3,"message":"Bad request"}';
const say = ({ status, body }) => `${status} ${body}`;

async function probed(t, server) {
  const session = await PollingSession.open(server);
  await session.connect();
  const socket = await session.websocket(t).opened();
  socket.send('2probe');
  assert.equal(await socket.take(), '3probe');
  return { session, socket };
}

testSame('a GET behind the upgrade packet is refused, each time', plain, async (t, server) => {
  const answers = new Set();
  for (let round = 0; round < 10; round += 1) {
    const { session, socket } = await probed(t, server);
    socket.send('5');
    socket.send(probe);
    assert.equal(await socket.take(), probe);
    for (const answer of [await session.get(), await session.post('3'), await session.get()]) answers.add(say(answer));
    socket.socket.terminate();
  }
  return [...answers];
}, [badRequest]);

// With several threads the GET may be read before the upgrade packet, by another thread: then it is released.
testLibchat('a GET that races with the upgrade packet is refused or released, and the session lives', async (t) => {
  const server = await startServer(t, 'libchat', { ...plain, threads: 4 });
  for (let round = 0; round < 20; round += 1) {
    const { session, socket } = await probed(t, server);
    socket.send('5');
    assert.ok([badRequest, '200 6'].includes(say(await session.get())));
    assert.equal(say(await session.get()), badRequest);
    socket.send(probe);
    assert.equal(await socket.take(), probe);
    socket.socket.terminate();
  }
});

// ------------------------------------------------------------------------------------------------------------ requests

// A request as it is, and what the answer begins with: the status, the subprotocol, and the first letters of the body.
function exchange(t, server, target, lines, { method = 'GET', body = '' } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(server.port, '127.0.0.1');
    atEnd(t, () => socket.destroy());
    let answer = Buffer.alloc(0);
    const finish = () => {
      const text = answer.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return false;
      const head = text.slice(0, end);
      const status = Number(head.split(' ')[1]);
      const protocol = /^sec-websocket-protocol: *(.*)$/im.exec(head)?.[1];
      if (status === 101) {
        if (text.length < end + 7) return false;
        resolve({ status, opens: text[end + 6] === '0' || text[end + 8] === '0', ...(protocol && { protocol }) });
      } else {
        const length = Number(/^content-length: *(\d+)$/im.exec(head)?.[1] ?? 0);
        const chunked = /^transfer-encoding: *chunked$/im.test(head);
        if (chunked ? !text.endsWith('\r\n0\r\n\r\n') : text.length < end + 4 + length) return false;
        const said = chunked ? text.slice(end + 4).replace(/\r\n0\r\n\r\n$/, '').replace(/^[0-9a-f]+\r\n/, '') : text.slice(end + 4, end + 4 + length);
        resolve({ status, ...(status === 404 ? {} : { body: said[0] === '{' ? said : said.slice(0, 1) }) });
      }
      socket.destroy();
      return true;
    };
    socket.on('data', (piece) => {
      answer = Buffer.concat([answer, piece]);
      finish();
    });
    socket.on('close', () => { if (!finish()) resolve('closed'); });
    socket.on('error', reject);
    socket.write(`${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`);
  });
}

const query = 'EIO=4&transport=polling';
const served = { libchat: { status: 200, body: '0' } };

testTable('where polling clients ask, and how', [
  ['the path of the clients', { target: `/socket.io/?${query}` }],
  ['without the slash at the end', { target: `/socket.io?${query}` }, served],
  ['a path below', { target: `/socket.io/default/?${query}` }],
  ['a path below, without the slash', { target: `/socket.io/default?${query}` }],
  ['a path far below', { target: `/socket.io/a/b/c/?${query}` }],
  ['two slashes', { target: `/socket.io//?${query}` }],
  ['a file below', { target: `/socket.io/index.html?${query}` }],
  ['a file below, without arguments', { target: '/socket.io/index.html' }],
  ['a path beside', { target: `/socket.iox/?${query}` }],
  ['a path beside, without a slash', { target: `/socket.iox?${query}` }],
  ['a path above', { target: `/socket/?${query}` }],
  ['a slash before', { target: `//socket.io/?${query}` }],
  ['other letters', { target: `/Socket.IO/?${query}` }],
  ['a time, and base64', { target: `/socket.io/?EIO=4&transport=polling&t=Nxyz123&b64=1` }],
  ['base64 first', { target: '/socket.io/?b64=true&EIO=4&transport=polling' }],
  ['another order', { target: '/socket.io/?transport=polling&EIO=4' }],
  ['escapes in a name', { target: '/socket.io/?%45IO=4&transport=polling' }],
  ['escapes in a value', { target: '/socket.io/?EIO=4&transport=poll%69ng' }],
  ['a plus', { target: '/socket.io/?EIO=4&transport=polling+' }],
  ['empty arguments', { target: '/socket.io/?&&EIO=4&&transport=polling&' }],
  ['a name in other letters', { target: '/socket.io/?eio=4&transport=polling' }],
  ['semicolons', { target: '/socket.io/?EIO=4;transport=polling' }],
  ['an argument twice', { target: '/socket.io/?EIO=4&EIO=4&transport=polling' }],
  ['an empty sid', { target: `/socket.io/?${query}&sid=` }],
  ['a sid without a value', { target: `/socket.io/?${query}&sid` }],
  ['a sid of JavaScript', { target: `/socket.io/?${query}&sid=undefined` }],
  ['null as the sid', { target: `/socket.io/?${query}&sid=null` }],
  ['EIO with a space', { target: '/socket.io/?EIO=4%20&transport=polling' }],
  ['EIO as a fraction', { target: '/socket.io/?EIO=4.0&transport=polling' }],
  ['a second question mark', { target: `/socket.io/?${query}?x=1` }],
  ['any Accept', { target: `/socket.io/?${query}`, lines: ['Accept: */*'] }],
  ['an Accept that does not fit', { target: `/socket.io/?${query}`, lines: ['Accept: image/png'] }],
  ['a Content-Type on a GET', { target: `/socket.io/?${query}`, lines: ['Content-Type: application/octet-stream'] }],
  ['an empty body on a GET', { target: `/socket.io/?${query}`, lines: ['Content-Length: 0'] }],
  ['Connection: close', { target: `/socket.io/?${query}`, lines: ['Connection: close'] }],
  ['Connection: Keep-Alive', { target: `/socket.io/?${query}`, lines: ['Connection: Keep-Alive', 'Keep-Alive: 300'] }],
  ['Connection: TE', { target: `/socket.io/?${query}`, lines: ['Connection: TE, close', 'TE: trailers'] }],
  ['no Upgrade behind Connection: Upgrade', { target: `/socket.io/?${query}`, lines: ['Connection: Upgrade'] }],
  // Java's own HTTP client offers HTTP/2 like this; the reference takes any Upgrade for a WebSocket's.
  ['Upgrade: h2c', { target: `/socket.io/?${query}`, lines: ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA'] }, served],
  ['a POST without a session', { target: `/socket.io/?${query}`, method: 'POST', lines: ['Content-Length: 2'], body: '40' }],
  ['OPTIONS', { target: `/socket.io/?${query}`, method: 'OPTIONS', lines: [] }],
], (t, server, { target, lines = [], ...options }) => exchange(t, server, target, lines, options));

const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const opening = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', key];
const socketPath = '/socket.io/?EIO=4&transport=websocket';

testTable('where WebSocket clients ask, and how', [
  ['as they should', { lines: opening }],
  ['names in small letters', { lines: opening.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase())) }],
  ['names in capitals', { lines: opening.map((line) => line.replace(/^[^:]+/, (name) => name.toUpperCase())) }],
  ['no space behind the colons', { lines: opening.map((line) => line.replace(': ', ':')) }],
  ['spaces around the values', { lines: opening.map((line) => `${line.replace(': ', ':  \t')} `) }],
  ['Connection: keep-alive, Upgrade', { lines: ['Connection: keep-alive, Upgrade', ...opening.slice(1)] }],
  ['Connection: upgrade', { lines: ['Connection: upgrade', ...opening.slice(1)] }],
  ['Connection in two lines', { lines: ['Connection: keep-alive', ...opening] }],
  ['Upgrade: WebSocket', { lines: ['Connection: Upgrade', 'Upgrade: WebSocket', ...opening.slice(2)] }],
  ['Upgrade: WEBSOCKET', { lines: ['Connection: Upgrade', 'Upgrade: WEBSOCKET', ...opening.slice(2)] }],
  ['Content-Length: 0', { lines: [...opening, 'Content-Length: 0'] }],
  ['compression offered', { lines: [...opening, 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'] }],
  ['another order', { lines: [...opening].reverse() }],
  ['without the slash at the end', { target: '/socket.io?EIO=4&transport=websocket', lines: opening }, { libchat: { status: 101, opens: true } }],
  ['a path below', { target: '/socket.io/default/?EIO=4&transport=websocket', lines: opening }],
  ['two slashes', { target: '/socket.io//?EIO=4&transport=websocket', lines: opening }],
  ['a time, and base64', { target: `${socketPath}&t=Nxyz123&b64=1`, lines: opening }],
  ['an empty sid', { target: `${socketPath}&sid=`, lines: opening }],
  ['an unknown sid', { target: `${socketPath}&sid=nobody`, lines: opening }],
  ['no transport', { target: '/socket.io/?EIO=4', lines: opening }],
  ['a transport in other letters', { target: '/socket.io/?EIO=4&transport=WebSocket', lines: opening }],
], (t, server, { target = socketPath, lines }) => exchange(t, server, target, lines));
