// The official adapters of a Socket.IO cluster without Redis: a FakeRedis records what they publish and delivers what others do.
// makeVectors() lets them write one of each message. `node tests/js/cluster_adapters.mjs` writes tests/vectors/socket_io_cluster.json,
// which the tests of core/wire/socket_io_cluster read.
import crypto from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// Ids are random. The same ones in each run keep the vectors comparable.
const require = createRequire(import.meta.url);
const realRandomBytes = crypto.randomBytes;
function withFixedIds(action) {
  const common = require('node:crypto');
  common.randomBytes = (size) => Buffer.alloc(size, 7);
  try {
    return action();
  } finally {
    common.randomBytes = realRandomBytes;
  }
}

const { createAdapter, createShardedAdapter } = require('@socket.io/redis-adapter');
const { createAdapter: createStreamsAdapter } = require('@socket.io/redis-streams-adapter');
const { Emitter } = require('@socket.io/redis-emitter');
const notepack = require('notepack.io');
const { Encoder } = require('socket.io-parser');
const { Server } = require('socket.io');
const msgpack = createRequire(require.resolve('@socket.io/redis-streams-adapter'))('@msgpack/msgpack');

export const tick = () => new Promise((resolve) => setImmediate(resolve));

// As much of a client of the package `redis` as the adapters use.
export class FakeRedis {
  published = [];
  entries = [];
  listeners = new Map();

  publish(channel, bytes) {
    this.published.push({ channel, bytes: Buffer.from(bytes) });
    return Promise.resolve(1);
  }
  sPublish(channel, bytes) {
    return this.publish(channel, bytes);
  }
  xAdd(stream, id, fields) {
    this.entries.push({ stream, fields });
    return Promise.resolve('1-0');
  }
  xRead() {
    return new Promise(() => {});
  }
  subscribe(channels, listener) {
    for (const channel of [channels].flat()) this.listeners.set(channel, listener);
  }
  sSubscribe(channel, listener) {
    this.subscribe(channel, listener);
  }
  pSubscribe(pattern, listener) {
    this.subscribe(pattern, listener);
  }
  sendCommand([, , channel]) {
    return Promise.resolve([channel, '2']);
  }
  duplicate() {
    return this;
  }
  connect() {
    return Promise.resolve();
  }
  on() {}

  // What another node publishes.
  deliver(channel, bytes) {
    for (const [name, listener] of this.listeners) {
      if (name === channel || (name.endsWith('*') && channel.startsWith(name.slice(0, -1)))) listener(bytes, channel);
    }
  }
  take() {
    const all = this.published;
    this.published = [];
    return all;
  }
}

// A namespace of a server that has no clients but `sockets`, which are plain objects.
export function openNode(kind, { nsp = '/', uid = 'node-1', sockets = [], options = {} } = {}) {
  const redis = new FakeRedis();
  const create = {
    redis: () => createAdapter(redis, redis, options),
    sharded: () => createShardedAdapter(redis, redis, options),
    streams: () => createStreamsAdapter(redis, options),
  }[kind];
  const server = new Server({ adapter: create() });
  const namespace = server.of(nsp);
  const { adapter } = namespace;
  adapter.uid = uid;
  for (const socket of sockets) {
    namespace.sockets.set(socket.id, socket);
    adapter.addAll(socket.id, new Set(socket.rooms));
  }
  return { redis, server, namespace, adapter };
}

// The arguments as the official parser makes them: JSON with placeholders, and attachments.
export function placed(args) {
  const [head, ...attachments] = new Encoder().encode({ type: 2, nsp: '/', data: ['e', ...args] });
  return {
    args: head.replace(/^(2|5\d+-)\["e",?/, '['),
    attachments: attachments.map((bytes) => Buffer.from(bytes).toString('hex')),
  };
}

const event = (name, ...args) => ({ event: name, ...placed(args) });
const target = (rooms = [], except = [], isVolatile = false, timeout = 0) => ({
  rooms,
  except,
  volatile: isVolatile,
  timeout_ms: timeout,
});

const bytes = Buffer.from([0, 1, 2, 255]);
const someArguments = ['hello', { n: [1, -2, 1.5, true, null], blob: bytes, ü: 'é"\n' }];

const handshake = { headers: { host: 'a' }, time: 'now', secure: false, query: {}, auth: { token: 't' } };
const sockets = [
  { id: 'socket-1', handshake, rooms: new Set(['socket-1', 'dev']), data: { name: 'A' } },
  { id: 'socket-2', handshake, rooms: new Set(['socket-2']), data: {} },
];
const socketsWithBinary = [{ ...sockets[0], data: { key: bytes } }];
const socketsAs = (list) =>
  list.map((socket) => {
    const { args } = placed([socket.data]);
    return { id: socket.id, handshake: JSON.stringify(socket.handshake), rooms: [...socket.rooms], data: args.slice(1, -1) };
  });

// What the namespace's functions make each adapter publish to other nodes.
function askOthers(kind) {
  const { redis, namespace } = openNode(kind);
  const all = [];
  const ask = (name, message, action) => {
    withFixedIds(() => action(namespace));
    all.push({ name, message, published: redis.take(), entries: redis.entries.splice(0) });
  };
  const requestId = kind === 'redis' ? 'HHHHHH' : '0707070707070707';
  ask('a broadcast to everyone', { kind: 'broadcast', ...event('hi', 1, 'a'), ...target(), request_id: '' }, (io) =>
    io.emit('hi', 1, 'a'),
  );
  ask(
    'a broadcast without arguments to one room',
    { kind: 'broadcast', ...event('hi'), ...target(['dev']), request_id: '' },
    (io) => io.to('dev').emit('hi'),
  );
  ask(
    'a broadcast with binary data to several rooms',
    {
      kind: 'broadcast',
      ...event('all kinds', ...someArguments),
      ...target(['dev', 'qa'], ['socket-9'], true),
      request_id: '',
    },
    (io) =>
      io
        .to(['dev', 'qa'])
        .except('socket-9')
        .volatile.emit('all kinds', ...someArguments),
  );
  ask(
    'a broadcast with acknowledgements',
    { kind: 'broadcast', ...event('hi', bytes), ...target(['dev'], [], false, 500), request_id: requestId },
    (io) =>
      io
        .to('dev')
        .timeout(500)
        .emit('hi', bytes, () => {}),
  );
  ask('a join', { kind: 'join', ...target(['dev']), names: ['a', 'b'], request_id: '' }, (io) =>
    io.in('dev').socketsJoin(['a', 'b']),
  );
  ask('a leave', { kind: 'leave', ...target([], ['dev']), names: ['a'], request_id: '' }, (io) =>
    io.except('dev').socketsLeave('a'),
  );
  ask('a disconnect', { kind: 'disconnect', ...target(['socket-9']), close: true, request_id: '' }, (io) =>
    io.in('socket-9').disconnectSockets(true),
  );
  ask('a server-side event', { kind: 'server event', ...event('hi', 1, { a: 'b' }), request_id: '' }, (io) =>
    io.serverSideEmit('hi', 1, { a: 'b' }),
  );
  return { all, redis, namespace, requestId };
}

// Those that ask Redis for the number of nodes first.
async function askAfterCounting(kind, all) {
  const { redis, namespace } = openNode(kind);
  const requestId = kind === 'redis' ? 'HHHHHH' : '0707070707070707';
  const common = require('node:crypto');
  const ask = async (name, message, action) => {
    common.randomBytes = (size) => Buffer.alloc(size, 7);
    action(namespace)?.catch?.(() => {});
    await tick();
    await tick();
    common.randomBytes = realRandomBytes;
    all.push({ name, message, published: redis.take(), entries: redis.entries.splice(0) });
  };
  await ask('a fetch', { kind: 'fetch', ...target(['dev'], ['qa']), request_id: requestId }, (io) =>
    io.in('dev').except('qa').fetchSockets(),
  );
  await ask('a server-side event with an answer', { kind: 'server event', ...event('hi', 1), request_id: requestId }, (io) =>
    io.serverSideEmit('hi', 1, () => {}),
  );
  if (kind === 'redis') {
    await ask('the list of rooms', { kind: 'list rooms', request_id: requestId }, (io) => io.adapter.allRooms());
  }
}

const toJson = (value) => Buffer.from(JSON.stringify(value));

// What a node answers.
async function answersOf(kind, all) {
  const answer = async (name, message, node, channel, request) => {
    await tick();
    node.redis.deliver(channel, request);
    await tick();
    all.push({ name, message, published: node.redis.take(), entries: node.redis.entries.splice(0), answer: true });
  };
  const ackFrom = (...args) => [
    // A socket of which only what a broadcast with acknowledgements needs is there.
    {
      id: 'socket-1',
      rooms: new Set(['socket-1']),
      acks: { set: (id, ack) => setImmediate(() => ack(...args)) },
      client: { writeToEngine() {} },
      notifyOutgoingListeners() {},
    },
  ];
  const opts = { rooms: [], except: [], flags: {} };
  const request_id = 'r1';
  const packet = { type: 2, data: ['hi'], nsp: '/' };
  const request = kind === 'redis' ? 'socket.io-request#/#' : 'socket.io#/#';
  const encode = kind === 'streams' ? (value) => Buffer.from(msgpack.encode(value)) : toJson;
  const ask = (classicType, type, fields) =>
    kind === 'redis'
      ? toJson({ uid: 'node-2', requestId: request_id, type: classicType, ...fields })
      : encode({ type, data: { requestId: request_id, ...fields }, uid: 'node-2', nsp: '/' });
  await answer(
    'the sockets',
    { kind: 'sockets', sockets: socketsAs(sockets), attachments: [], request_id },
    openNode(kind, { sockets }),
    request,
    ask(5, 7, { opts }),
  );
  await answer(
    'no sockets',
    { kind: 'sockets', sockets: [], attachments: [], request_id },
    openNode(kind),
    request,
    ask(5, 7, { opts }),
  );
  if (kind !== 'redis') {
    await answer(
      'sockets with binary data',
      { kind: 'sockets', sockets: socketsAs(socketsWithBinary), attachments: [bytes.toString('hex')], request_id },
      openNode(kind, { sockets: socketsWithBinary }),
      request,
      ask(5, 7, { opts }),
    );
  }
  for (const [name, args] of [
    ['', ['yes']],
    [' with binary data', [{ blob: bytes }]],
    [' without a value', []],
  ]) {
    // @msgpack/msgpack writes undefined as nil.
    const received = placed(kind === 'streams' && args.length === 0 ? [null] : args);
    if (kind !== 'redis' || !name.includes('binary')) {
      const node = openNode(kind);
      node.namespace.on('ask', (callback) => callback(...args));
      const fields = kind === 'redis' ? { data: ['ask'] } : { packet: ['ask'] };
      await answer(
        `the answer to a server-side event${name}`,
        { kind: 'server answer', ...received, request_id },
        node,
        request,
        ask(6, 9, fields),
      );
    }
    const node = openNode(kind, { sockets: ackFrom(...args) });
    const fields = { packet, opts };
    await tick();
    node.redis.deliver(request, ask(7, 3, fields));
    await tick();
    await tick();
    const [count, ack] = node.redis.take();
    all.push({
      name: `the number of acknowledgements${name}`,
      message: { kind: 'client count', count: 1, request_id },
      published: [count],
      entries: [],
      answer: true,
    });
    all.push({
      name: `an acknowledgement${name}`,
      message: { kind: 'ack', ...received, request_id },
      published: [ack],
      entries: [],
      answer: true,
    });
  }
  if (kind !== 'redis') return;
  const ids = sockets.map(({ id }) => id);
  await answer('the ids', { kind: 'ids', ids, request_id }, openNode(kind, { sockets }), request, ask(0, 0, { rooms: [] }));
  await answer(
    'the rooms',
    { kind: 'rooms', names: ['socket-1', 'dev', 'socket-2'], request_id },
    openNode(kind, { sockets }),
    request,
    ask(1, 0, {}),
  );
}

function emitterVectors() {
  const redis = new FakeRedis();
  const emitter = new Emitter(redis);
  const all = [];
  const emit = (name, message, action) => {
    action(emitter);
    all.push({ name: `emitter: ${name}`, uid: 'emitter', message, published: redis.take(), entries: [] });
  };
  emit('a broadcast', { kind: 'broadcast', ...event('hi', bytes), ...target(['dev'], ['qa']), request_id: '' }, (io) =>
    io.to('dev').except('qa').emit('hi', bytes),
  );
  emit('a join', { kind: 'join', ...target(['dev']), names: ['a'], request_id: '' }, (io) => io.in('dev').socketsJoin('a'));
  emit('a leave', { kind: 'leave', ...target(['dev']), names: ['a'], request_id: '' }, (io) => io.in('dev').socketsLeave('a'));
  emit('a disconnect', { kind: 'disconnect', ...target(), close: false, request_id: '' }, (io) => io.disconnectSockets());
  emit('a server-side event', { kind: 'server event', ...event('hi', 1), request_id: '' }, (io) => io.serverSideEmit('hi', 1));
  const inNamespace = new FakeRedis();
  new Emitter(inNamespace, { key: 'other' }).of('/dev').emit('hi');
  all.push({
    name: 'emitter: another namespace and prefix',
    uid: 'emitter',
    nsp: '/dev',
    prefix: 'other',
    message: { kind: 'broadcast', ...event('hi'), ...target(), request_id: '' },
    published: inNamespace.take(),
    entries: [],
  });
  return all;
}

const formOf = (kind, channel, answer) => {
  if (kind !== 'redis') return kind;
  if (answer) return 'redis-response';
  return channel.includes('-request#') ? 'redis-request' : 'redis-broadcast';
};

// The same member order as the unit test's description.
function describe({ uid = 'node-1', nsp = '/', message, form }) {
  const { kind, ...rest } = message;
  // The requests of the emitter but the last have no uid, and the adapter's answers have none.
  const without = form === 'redis-response' || (uid === 'emitter' && ['join', 'leave', 'disconnect'].includes(kind));
  return { kind, uid: without ? '' : uid, nsp, ...rest };
}

function toVectors(kind, all) {
  return all.flatMap((vector) => {
    const { name, prefix = 'socket.io', published, entries, answer = false } = vector;
    return [
      ...published.map(({ channel, bytes: payload }) => {
        const form = formOf(kind, channel, answer);
        const vectorMessage = describe({ ...vector, form });
        return { name: `${kind}: ${name}`, form, prefix, channel, hex: payload.toString('hex'), message: vectorMessage };
      }),
      ...entries.map(({ fields }) => ({
        name: `${kind}: ${name}`,
        form: 'stream entry',
        prefix,
        fields,
        message: describe(vector),
      })),
    ];
  });
}

// Of the values of MessagePack, as bytes that the official packages write or read.
function valueVectors() {
  const decoded = (name, hex, decode = notepack.decode) => {
    const args = placed([decode(Buffer.from(hex.replaceAll(' ', ''), 'hex'))]);
    return { name, hex: hex.replaceAll(' ', ''), ...args };
  };
  const encoded = (name, value, encode = notepack.encode, decode = notepack.decode) =>
    decoded(name, Buffer.from(encode(value)).toString('hex'), decode);
  const many = (count) => Array.from({ length: count }, (_, i) => i % 3);
  const object = (count) => Object.fromEntries(many(count).map((value, i) => [`k${i}`, value]));
  return [
    ...[0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1].map((n) => encoded(`the number ${n}`, n)),
    ...[-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53) + 1].map((n) =>
      encoded(`the number ${n}`, n),
    ),
    ...[0.5, -0.1, 1e-7, 1.5e-6, 123_456.789, 1e21 + 0.5, 5e-324, Number.MAX_VALUE, NaN, Infinity, -Infinity, -0].map((n) =>
      encoded(`the number ${n} of @msgpack/msgpack`, n, msgpack.encode, msgpack.decode),
    ),
    ...[1e20, 1e21, 1e22, 123e18, 2 ** 53, 2 ** 64].map((n) =>
      encoded(`the number ${n} of @msgpack/msgpack`, n, msgpack.encode, msgpack.decode),
    ),
    ...[0.5, 2 ** -20, 1.1, NaN].map((n) => encoded(`the number ${n} of notepack`, n)),
    decoded('a float 32', 'ca 3dcccccd'),
    decoded('an infinite float 32', 'ca ff800000'),
    decoded('an int 64 below zero', 'd3 ffffffff00000000'),
    ...[0, 31, 32, 255, 256].map((size) => encoded(`a string of ${size} bytes`, 'x'.repeat(size))),
    encoded('a string with all kinds of characters', '\0\b\t\n\f\r"\\/\u007f é€😀\u2028'),
    ...[0, 1, 255, 256].map((size) => encoded(`binary data of ${size} bytes`, Buffer.alloc(size, 7))),
    ...[0, 15, 16].map((count) => encoded(`an array of ${count}`, many(count))),
    ...[0, 15, 16].map((count) => encoded(`a map of ${count}`, object(count))),
    encoded('all together', [null, true, false, [[]], { a: {} }, { b: [bytes, bytes] }]),
    encoded('undefined', [undefined, { a: undefined, b: 1 }]),
    decoded('undefined of older versions', '93 d40000 83 a161 d40000 a162 01 a163 d40000 82 a161 01 a162 d40000'),
    decoded('undefined first, then a member', '82 a161 d40000 a162 01'),
    decoded('a Date of older versions', 'd700 0000017b5c5f5b5f'),
    decoded('an ArrayBuffer of older versions', '92 c70300010203 c80002000405'),
    decoded('integers as keys', '82 01 01 ff 02'),
    ...[
      0,
      1,
      999,
      951_782_400_123,
      4_294_967_296_000,
      253_402_300_799_999,
      253_402_300_800_000,
      -1,
      -62_167_219_200_001,
      8.64e15,
      -8.64e15,
      NaN,
    ].flatMap((ms) => [
      ...(Number.isNaN(ms)
        ? []
        : [
            encoded(`the Date ${ms}`, new Date(ms)),
            encoded(`the Date ${ms} of @msgpack/msgpack`, new Date(ms), msgpack.encode, msgpack.decode),
          ]),
    ]),
    decoded('a Date that is out of range', 'c70cff 00000000 7fffffffffffffff'),
    decoded('a Date between milliseconds', 'd7ff 0000000c00000001'),
    decoded('a Date between milliseconds before 1970', 'c70cff 0016e360 ffffffffffffffff'),
  ];
}

// What notepack writes for what JSON.parse reads.
function writtenVectors() {
  const written = (name, json, attachments = []) => {
    const place = (value) => {
      if (value?._placeholder === true) return attachments[value.num];
      if (Array.isArray(value)) return value.map(place);
      if (value && typeof value === 'object')
        return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, place(inner)]));
      return value;
    };
    return {
      name,
      json,
      attachments: attachments.map((blob) => blob.toString('hex')),
      hex: notepack.encode(place(JSON.parse(json))).toString('hex'),
    };
  };
  return [
    written('numbers', '[0,127,128,255,256,65535,65536,4294967295,4294967296,9007199254740991]'),
    written('numbers below zero', '[-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649,-9007199254740991]'),
    written('fractions', '[0.5,-0.1,1e-7,2.2250738585072014e-308,5e-324]'),
    written('whole numbers with a point or an exponent', '[1.0,1e3,-2.50e1,0.0,-0,-0.0,1E+2]'),
    written(
      'numbers that overflow and underflow',
      '[1e400,-1e400,1e-400,123456e99999999999999999999,0.0001e-99999999999999999999,0e999]',
    ),
    written('words', '[true,false,null]'),
    written('strings', JSON.stringify(['', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(256), '\0"\\é€😀'])),
    written('escapes', String.raw`["\u0000\u00e9\ud83d\ude00\/\b"]`),
    written('containers', JSON.stringify([[], {}, Array(15).fill(0), Array(16).fill(0), { a: { b: [{}] } }])),
    written('white space', ' [ 1 , { "a" : [ ] } ] '),
    written(
      'attachments',
      '[{"_placeholder":true,"num":1},{"a":{"num":0,"_placeholder":true}},{"_placeholder":true,"num":0}]',
      [bytes, Buffer.alloc(300, 1)],
    ),
    written('a large map', JSON.stringify(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`key ${i}`, i])))),
  ];
}

export async function makeVectors() {
  const messages = [];
  for (const kind of ['redis', 'sharded', 'streams']) {
    const { all } = askOthers(kind);
    await askAfterCounting(kind, all);
    await answersOf(kind, all);
    messages.push(...toVectors(kind, all));
  }
  messages.push(...toVectors('redis', emitterVectors()));
  return {
    about: 'Written by tests/js/cluster_adapters.mjs with the official packages. See core/wire/socket_io_cluster.',
    values: valueVectors(),
    written: writtenVectors(),
    messages,
  };
}

export const vectorsFile = fileURLToPath(new URL('../vectors/socket_io_cluster.json', import.meta.url));

export function toText({ about, ...lists }) {
  const lines = Object.entries(lists).map(
    ([name, list]) => `  "${name}": [\n${list.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`,
  );
  return `{\n  "about": ${JSON.stringify(about)},\n${lines.join(',\n')}\n}\n`;
}

if (path.resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  writeFileSync(vectorsFile, toText(await makeVectors()));
  process.exit(0); // requests would wait for answers
}
