// Packets of Socket.IO that are malformed, out of place or strange, over WebSocket and over polling: what the reference server
// does with each stands in the table, is asked of it, and is asked of libchat.
import assert from 'node:assert/strict';
import { answered, hide, overPolling, overWebSocket, turn } from './socket_io_outcomes.mjs';
import { PollingSession, connectWebSocket, separator, testSame } from './socket_io_support.mjs';

const plain = { recovery: false };

// name, packets, what comes of it; then, where it is another on purpose, what libchat does.
const closes = ['closes'];
const ignored = [];
const file = '451-["file",{"_placeholder":true,"num":0}]';
const twice = '451-["f",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]';
const bytes = Buffer.from([1, 2]);
const connected = [
  ['an event', ['42["a",1,"x"]'], ['42["a",1,"x"]']],
  ['an event with an ack', ['4212["a"]'], ['42["a"]', '4312[{"seq":1,"epoch":""}]']],
  ['an event with ack id 0', ['420["a"]'], ['42["a"]', '430[{"seq":1,"epoch":""}]']],
  ['an ack id with zeros before it', ['42007["a"]'], ['42["a"]', '437[{"seq":1,"epoch":""}]']],
  ['the largest ack id', ['429007199254740991["a"]'], ['42["a"]', '439007199254740991[{"seq":1,"epoch":""}]']],
  ['an event named by a number', ['42[5,"x"]'], ['42[5,"x"]'], ['42["5","x"]']],
  ['binary', [file, bytes], [file, bytes]],
  ['binary with an ack', ['451-7["file",{"_placeholder":true,"num":0}]', bytes], [file, bytes, '437[{"seq":1,"epoch":""}]']],
  ['ten attachments', [`4510-["f",${Array.from({ length: 10 }, (_, num) => `{"_placeholder":true,"num":${num}}`)}]`,
    ...Array(10).fill(bytes)],
  [`4510-["f",${Array.from({ length: 10 }, (_, num) => `{"_placeholder":true,"num":${num}}`)}]`, ...Array(10).fill(bytes)]],
  ['the own namespace spelt out', ['42/,["a"]'], ['42["a"]']],

  ['no type', ['4'], closes],
  ['a type that there is not', ['47'], closes],
  ['a type that there is not, with data', ['49["a"]'], closes],
  ['a letter', ['4x["a"]'], closes],
  ['a space as the type', ['4 ["a"]'], closes],
  ['a sign', ['4-2["a"]'], closes],

  ['an event without data', ['42'], null, closes],
  ['an event that is an object', ['42{"a":1}'], closes],
  ['an event that is a string', ['42"a"'], closes],
  ['an event that is null', ['42null'], closes],
  ['an empty event', ['42[]'], closes],
  ['an event named null', ['42[null]'], closes],
  ['an event named by an object', ['42[{}]'], closes],
  ['an event named true', ['42[true]'], closes],
  ['an event that ends early', ['42["a"'], closes],
  ['an event with something behind', ['42["a"]x'], closes],
  ['two events', ['42["a"]["b"]'], closes],
  ['a comma too many', ['42["a",]'], closes],
  ['single quotes', ["42['a']"], closes],
  ['not a number', ['42["a",NaN]'], closes],
  ['a control character in a string', ['42["a\u0001"]'], closes],
  ['a space before the event', ['42 ["a"]'], null, closes],
  ['a space behind the event', ['42["a"] '], ['42["a"]']],
  ['a negative ack id', ['42-1["a"]'], closes],
  ['a fraction as ack id', ['421.5["a"]'], closes],
  ...['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']
    .map((name) => [`the reserved event ${name}`, [`42["${name}"]`], closes]),
  ['a reserved event with an ack', ['421["disconnect"]'], closes],
  ['a reserved event in other letters', ['42["Connect"]'], ['42["Connect"]']],
  ['a reserved event with escapes', ['42["\\u0063onnect"]'], closes],
  ['a reserved event of the server side', ['42["connection"]'], ['42["connection"]']],

  ['binary without a number of attachments', ['45["file"]'], closes],
  ['binary with no attachments', ['450-["file"]'], closes],
  ['binary with eleven attachments', ['4511-["file"]'], closes],
  ['binary with a number that is none', ['45x-["file"]'], closes],
  ['binary with half an attachment', ['450.5-["file"]'], closes],
  ['binary with less than none', ['45-1-["file"]'], closes],
  ['binary without the dash', ['451["file"]'], closes],
  ['binary that is cut off', ['451'], closes],
  ['text where an attachment is due', [file, '42["a"]'], closes],
  ['a connect where an attachment is due', [file, '40/dev,'], closes],
  ['bytes that nobody announced', [bytes], closes],
  ['bytes too many', [file, bytes, turn, bytes], [file, bytes, 'closes']],
  ['a placeholder beyond the attachments', ['451-["file",{"_placeholder":true,"num":1}]', bytes], closes],
  ['a placeholder before the attachments', ['451-["file",{"_placeholder":true,"num":-1}]', bytes], closes],
  ['a placeholder without a number', ['451-["file",{"_placeholder":true}]', bytes], closes],
  ['a placeholder with a word', ['451-["file",{"_placeholder":true,"num":"0"}]', bytes], closes],
  ['an attachment that nobody places', ['451-["file",1]', bytes], ['42["file",1]'], ignored],
  ['an attachment that nobody places, with an ack', ['451-7["file",1]', bytes], ['42["file",1]', '437[{"seq":1,"epoch":""}]'],
    ['437[{"error":"invalid_argument","reason":"an attachment has no placeholder"}]']],
  ['one attachment in two places', [twice, bytes], [twice.replace(/^451(.*)0}]$/, '452$11}]'), bytes, bytes], [twice, bytes]],
  ['a placeholder that is false', ['42["a",{"_placeholder":false,"num":0}]'], ['42["a",{"_placeholder":false,"num":0}]']],
  ['a placeholder without binary', ['42["a",{"_placeholder":true,"num":0}]'], ['42["a",{"_placeholder":true,"num":0}]'], ignored],

  ['CONNECT to where it is connected', ['40'], closes],
  ['CONNECT with data that are none', ['40/dev,[1]'], closes],
  ['CONNECT with a string', ['40/dev,"x"'], closes],
  ['CONNECT with null', ['40/dev,null'], closes],
  ['CONNECT with broken JSON', ['40/dev,{"a"'], closes],
  ['CONNECT to another namespace', ['40/dev,{"token":1}', answered], ['40/dev,{"sid":""}']],
  ['CONNECT without the comma', ['40/dev', answered], ['40/dev,{"sid":""}']],
  ['CONNECT with an ack id', ['40/dev,7', answered], ['40/dev,{"sid":""}']],
  ['CONNECT to no such namespace', ['40/a/b,', answered], ['44/a/b,{"message":"Invalid namespace"}']],
  ['CONNECT to nothing behind the slash, apart', ['40//,', answered], ['44//,{"message":"Invalid namespace"}']],
  ['CONNECT with a query', ['40/dev?token=1,', answered], ['44/dev?token=1,{"message":"Invalid namespace"}']],
  ['CONNECT twice', ['40/dev,', answered, '40/dev,'], ['40/dev,{"sid":""}', 'closes']],

  ['CONNECT_ERROR by the client', ['44{"message":"x"}'], closes],
  ['CONNECT_ERROR without data', ['44'], closes],
  ['an ACK that nobody waits for', ['430[]', '437["x"]'], ignored],
  ['an ACK without an id', ['43[]'], ignored],
  ['an ACK without data', ['437'], ignored],
  ['an ACK that is no list', ['437{}'], closes],
  ['a binary ACK that nobody waits for', ['461-7[{"_placeholder":true,"num":0}]', bytes], ignored],
  ['a binary ACK without attachments', ['460-7[]'], closes],
  ['DISCONNECT with data', ['41[1]'], closes],
  ['DISCONNECT with a string', ['41"bye"'], closes],
  ['DISCONNECT, then an event', ['41', turn, '42["a"]'], closes],
  ['DISCONNECT, then CONNECT', ['41', turn, '40', answered], ['40{"sid":""}']],
  ['DISCONNECT of another namespace that is not connected', ['41/dev,'], closes],
  ['an event to a namespace that is not connected', ['42/dev,["a"]'], closes],
  ['an ACK to a namespace that is not connected', ['43/dev,1[]'], closes],
  ['an event to a namespace that has gone', ['40/dev,', answered, '41/dev,', turn, '42/dev,["a"]'],
    ['40/dev,{"sid":""}', 'closes']],
];

const unconnected = [
  ['an event before CONNECT', ['42["a"]'], closes],
  ['an ACK before CONNECT', ['431[]'], closes],
  ['a DISCONNECT before CONNECT', ['41'], closes],
  ['a CONNECT_ERROR before CONNECT', ['44{"message":"x"}'], closes],
  ['binary before CONNECT', [file, bytes], closes],
  ['CONNECT with auth', ['40{"token":"x"}', answered], ['40{"sid":""}']],
  ['CONNECT with an empty auth', ['40{}', answered], ['40{"sid":""}']],
  ['CONNECT with a recovery that is none', ['40{"pid":1,"offset":[]}', answered], ['40{"sid":""}']],
];

function expectation(heard, polling) {
  return heard?.map((packet) => {
    if (packet === 'closes') return polling ? 'closed' : 'closed 1005';
    return polling && typeof packet !== 'string' ? `b${packet.toString('base64')}` : packet;
  });
}

for (const [transport, run] of [['WebSocket', overWebSocket], ['polling', overPolling]]) {
  for (const [table, connect] of [[connected, true], [unconnected, false]]) {
    for (const [name, packets, expected, libchat = expected] of table) {
      const polling = transport === 'polling';
      testSame(`${transport}: ${name}`, plain, (t, server) => run(t, server, packets, connect),
        expectation(expected, polling) ?? undefined, expectation(libchat, polling));
    }
  }
}

// Where the reference answers depend on the day, or are not worth having.
testSame('the namespace of every packet is its own', plain, async (t, server) => {
  const client = await connectWebSocket(t, server);
  for (const packet of ['40/dev,', '40/ops,{"a":1}']) client.send(packet);
  const packets = [await client.take(), await client.take()].map(hide);
  client.send('42/dev,5["a"]');
  packets.push(await client.take(), await client.take());
  client.send('452-/ops,6["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
  client.send(bytes);
  client.send(Buffer.alloc(0));
  for (let count = 0; count < 4; count += 1) packets.push(await client.take());
  client.send('41/dev,');
  await client.flushed();
  client.send('40/dev,');
  packets.push(hide(await client.take()));
  return packets.map((packet) => (typeof packet === 'string' ? packet.replace(/"(epoch)":"[^"]*"/, '"$1":""').replace(/"seq":\d+/, '"seq":0') : packet));
}, [
  '40/dev,{"sid":""}',
  '40/ops,{"sid":""}',
  '42/dev,["a"]',
  '43/dev,5[{"seq":0,"epoch":""}]',
  '452-/ops,["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
  bytes,
  Buffer.alloc(0),
  '43/ops,6[{"seq":0,"epoch":""}]',
  '40/dev,{"sid":""}',
]);

testSame('with recovery the CONNECT bears a pid, and events an offset', { recovery: true }, async (t, server) => {
  const client = await connectWebSocket(t, server);
  const { sid, pid, ...rest } = JSON.parse(client.connected.slice(2));
  assert.notEqual(sid, pid);
  client.send('42["a",1]');
  client.send('42["b"]');
  const events = [await client.take(), await client.take()].map((packet) => JSON.parse(packet.slice(2)));
  const offsets = events.map((event) => event.pop());
  assert.notEqual(offsets[0], offsets[1]);
  return [typeof sid, typeof pid, rest, ...events, ...offsets.map((offset) => typeof offset)];
}, ['string', 'string', {}, ['a', 1], ['b'], 'string', 'string']);

testSame('a packet in a payload behind one that closes is not heard', plain, async (t, server) => {
  const other = await connectWebSocket(t, server);
  const session = await PollingSession.open(server);
  await session.connect();
  const held = session.get();
  await session.post(['42["one"]', '42[]', '42["two"]'].join(separator));
  const last = (await held).body.split(separator).at(-1);
  await session.forgotten();
  other.send('42["done"]');
  const heard = [await other.take()];
  while (heard.at(-1) !== '42["done"]') heard.push(await other.take());
  return [last, heard];
}, ['1', ['42["one"]', '42["done"]']]);
