// chatd as a guest of a Socket.IO cluster: servers of Node.js with the official adapters, emitter and clients, as they are.
// Nora is at Node.js, Lisa (Socket.IO) and Vera (chat.v1) are at chatd.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { hasRedis, startRedis } from './cluster_support.mjs';
import {
  connectIoClient, connectRedis, metric, ready, startGuest, startMixed, startNode, until,
} from './guest_support.mjs';
import { atEnd, connectV1, temporaryFolder, test } from './support.mjs';

const { Emitter } = createRequire(import.meta.url)('@socket.io/redis-emitter');
const kinds = ['redis', 'sharded', 'streams'];
const options = { skip: hasRedis ? false : 'redis-server is not installed' };
const blob = Buffer.from([0, 1, 2, 255]);

function each(name, body) {
  for (const kind of kinds) test(`${kind}: ${name}`, options, (t) => body(t, kind));
}

const nextMessage = (client) => client.takeType('message');

// A room that the client is in by the cluster's wish.
async function isIn(node, id, room) {
  await until(async () => (await node.io.in(room).fetchSockets()).some((socket) => socket.id === id));
}

each('events go both ways, with all kinds of arguments', async (t, kind) => {
  const { node, nora, lisa, vera } = await startMixed(t, kind);
  const args = [1, -2.5, true, null, 'é"\n', { list: [1, { deep: 'x' }], blob }, blob];

  lisa.emit('chat message', 'hi');
  assert.deepEqual(await nora.next(), ['chat message', 'hi']);
  assert.deepEqual(await lisa.next(), ['chat message', 'hi']);
  assert.equal((await nextMessage(vera)).text, 'hi');
  lisa.emit('all', ...args);
  assert.deepEqual(await nora.next(), ['all', ...args]);
  assert.deepEqual(await lisa.next(), ['all', ...args]);
  assert.equal((await nextMessage(vera)).event, 'all');

  node.io.emit('all', ...args);
  assert.deepEqual(await lisa.next(), ['all', ...args]);
  assert.deepEqual(await nora.next(), ['all', ...args]);
  assert.equal((await nextMessage(vera)).event, 'all');
  node.io.emit('chat message', 'from Node.js');
  const heard = await nextMessage(vera);
  assert.equal(heard.text, 'from Node.js');
  assert.equal(heard.seq, 4); // in the room's one order here
  assert.deepEqual(await lisa.next(), ['chat message', 'from Node.js']);
  assert.deepEqual(await nora.next(), ['chat message', 'from Node.js']);

  vera.sendJson({ type: 'send', text: 'from chat.v1', ref: 1 });
  assert.deepEqual(await nora.next(), ['chat message', 'from chat.v1']);
  assert.deepEqual(await lisa.next(), ['chat message', 'from chat.v1']);
  // Nothing has come twice.
  assert.deepEqual([nora.heard.waiting, lisa.heard.waiting], [[], []]);
  const history = await vera.request({ type: 'history', ref: 'h' });
  assert.deepEqual(history.messages.map(({ seq }) => seq), [1, 2, 3, 4, 5]);
});

each('rooms', async (t, kind) => {
  const { node, chatd, nora, lisa, vera } = await startMixed(t, kind);
  const olga = await connectV1(t, chatd, '?room=ops');
  node.io.in(nora.id).socketsJoin('ops');
  node.io.in(lisa.id).socketsJoin(['ops', 'qa']);
  await isIn(node, lisa.id, 'qa');
  await isIn(node, nora.id, 'ops');

  node.io.to('ops').emit('to ops', 1);
  assert.deepEqual(await lisa.next(), ['to ops', 1]);
  assert.deepEqual(await nora.next(), ['to ops', 1]);
  assert.equal((await nextMessage(olga)).event, 'to ops');
  olga.sendJson({ type: 'send', text: 'of ops', ephemeral: true });
  for (const client of [lisa, nora]) assert.deepEqual(await client.next(), ['chat message', 'of ops']);
  node.io.to(['ops', 'qa']).emit('once', 2);
  for (const client of [lisa, nora]) assert.deepEqual(await client.next(), ['once', 2]);
  node.io.to('qa').emit('to qa');
  assert.deepEqual(await lisa.next(), ['to qa']);
  node.io.to(lisa.id).emit('to you', blob);
  assert.deepEqual(await lisa.next(), ['to you', blob]);
  node.io.except(lisa.id).emit('not to you');
  node.io.to('ops').except('qa').emit('not to qa');
  for (const event of ['not to you', 'not to qa']) assert.deepEqual(await nora.next(), [event]);
  node.io.to('nowhere').emit('to nobody');

  node.io.in(lisa.id).socketsLeave('ops');
  await until(async () => (await node.io.in('ops').fetchSockets()).length === 1);
  olga.sendJson({ type: 'send', text: 'without Lisa' });
  assert.deepEqual(await nora.next(), ['chat message', 'without Lisa']);
  node.io.emit('end');
  assert.deepEqual(await lisa.next(), ['end']);
  assert.deepEqual(await nora.next(), ['end']);
  const heard = [];
  while (heard.at(-1) !== 'end') heard.push((await nextMessage(vera)).event);
  assert.deepEqual(heard, ['not to you', 'end']);
});

each('sockets are fetched and disconnected', async (t, kind) => {
  const { node, chatd, nora, lisa } = await startMixed(t, kind);
  const leo = await connectIoClient(t, chatd.port);
  const all = await node.io.fetchSockets();
  assert.deepEqual(new Set(all.map(({ id }) => id)), new Set([nora.id, lisa.id, leo.id]));
  const remote = all.find(({ id }) => id === lisa.id);
  assert.equal(remote.handshake.address, '127.0.0.1');
  assert.ok(Math.abs(Date.parse(remote.handshake.time) - remote.handshake.issued) < 1000);
  assert.deepEqual([...remote.rooms], [lisa.id]);
  assert.match(remote.data.name, /^guest-\d+$/);
  assert.deepEqual(await node.io.in('nowhere').fetchSockets(), []);

  remote.join('ops');
  await isIn(node, lisa.id, 'ops');
  remote.emit('you', 1);
  assert.deepEqual(await lisa.next(), ['you', 1]);
  if (kind === 'redis') {
    assert.deepEqual(await node.io.of('/').adapter.allRooms(), new Set([nora.id, lisa.id, leo.id, 'ops']));
  }
  remote.disconnect();
  assert.equal(await lisa.ends.take(), 'io server disconnect');
  node.io.in(leo.id).disconnectSockets(true);
  await leo.ends.take();
  await until(async () => (await node.io.fetchSockets()).length === 1);
});

each('acknowledgements and server-side events', async (t, kind) => {
  const { redis, node, chatd, nora, lisa, vera } = await startMixed(t, kind);
  nora.on('sum', (a, b, done) => done(a + b));
  lisa.on('sum', (a, b, done) => done(a * b));
  assert.deepEqual((await node.io.timeout(20_000).emitWithAck('sum', 5, 6)).sort(), [11, 30]);
  assert.equal((await nextMessage(vera)).event, 'sum'); // it cannot acknowledge, and hears the event
  lisa.on('echo', (value, done) => done(value));
  nora.on('echo', (value, done) => done(value));
  assert.deepEqual(await node.io.timeout(20_000).emitWithAck('echo', { blob }), [{ blob }, { blob }]);
  assert.deepEqual(await node.io.to(lisa.id).timeout(20_000).emitWithAck('sum', 2, 4), [8]);
  assert.deepEqual(await node.io.to('nowhere').timeout(20_000).emitWithAck('sum', 2, 4), []);
  // One client that does not answer ends it with the answers of the others.
  await connectIoClient(t, chatd.port);
  await assert.rejects(node.io.timeout(300).emitWithAck('sum', 1, 2), ({ responses }) => {
    assert.deepEqual(responses.sort(), [2, 3]);
    return true;
  });

  const second = await startNode(t, redis, kind);
  await ready(node, { servers: 3 });
  second.io.on('ask', (value, done) => done(value + 1));
  const answers = await new Promise((resolve, reject) => {
    node.io.serverSideEmit('ask', 1, (error, responses) => (error ? reject(error) : resolve(responses)));
  });
  assert.equal(answers.length, 2);
  assert.ok(answers.includes(2));
});

each('requests that libchat refuses are answered', async (t, kind) => {
  const { node, chatd, nora } = await startMixed(t, kind);
  const many = Array.from({ length: 20 }, () => blob);
  const ask = (value) => new Promise((resolve, reject) => {
    node.io.serverSideEmit('ask', value, (error, responses) => (error ? reject(error) : resolve(responses)));
  });
  assert.equal((await ask('x'.repeat(2_000_000))).length, 1);
  assert.equal((await ask(many)).length, 1);
  await until(async () => (await metric(chatd, 'libchat_guest_answers_total')) === 2);
  for (const reason of ['refused', 'too_large', 'malformed']) {
    assert.equal(await metric(chatd, `libchat_guest_dropped_total{reason="${reason}"}`), 0); // it needs no arguments
  }

  const long = 'n'.repeat(129);
  for (const event of [long, 'large']) nora.on(event, (...args) => args.at(-1)(event.length));
  assert.deepEqual(await node.io.timeout(20_000).emitWithAck(long), [129]);
  assert.deepEqual(await node.io.except(nora.id).timeout(20_000).emitWithAck('many', many), []); // her parser refuses it
  assert.deepEqual(await node.io.timeout(20_000).emitWithAck('large', Buffer.alloc(2_000_000)), [5]);
  node.io.in(nora.id).socketsJoin('r0');
  await isIn(node, nora.id, 'r0');
  const rooms = Array.from({ length: 10_001 }, (_, i) => `r${i}`);
  assert.deepEqual((await node.io.in(rooms).fetchSockets()).map(({ id }) => id), [nora.id]);
  assert.equal(await metric(chatd, 'libchat_guest_dropped_total{reason="refused"}'), 3);
  assert.equal(await metric(chatd, 'libchat_guest_dropped_total{reason="too_large"}'), 1);
});

each('an acknowledgement that is too large for the cluster is one without a value', async (t, kind) => {
  const limits = ['--max-message-bytes', '40000000', '--max-http-body-bytes', '40000000', '--outbox-bytes', '80000000'];
  const { node, chatd, nora, lisa } = await startMixed(t, kind, { args: limits });
  nora.on('large', (size, done) => done('small'));
  lisa.on('large', (size, done) => done('x'.repeat(size)));
  const ask = async (size) => (await node.io.timeout(20_000).emitWithAck('large', size)).map((value) => value?.length);
  assert.deepEqual(new Set(await ask(16_000_000)), new Set([5, 16_000_000]));
  assert.deepEqual(new Set(await ask(17_000_000)), new Set([5, undefined]));
  assert.equal(await metric(chatd, 'libchat_guest_dropped_total{reason="too_large"}'), 1);
  assert.match(chatd.stderr, /a message to the cluster was dropped: the message is larger than 16777216 bytes/);
});

each('what is named like a socket of Node.js is only for this socket', async (t, kind) => {
  const { node, chatd, nora, vera } = await startMixed(t, kind);
  const spy = await connectV1(t, chatd, `?room=${nora.id}`);
  node.io.to(nora.id).emit('secret');
  assert.deepEqual(await nora.next(), ['secret']);
  node.io.emit('end');
  assert.equal((await nextMessage(vera)).event, 'end');
  // Nor can anybody here speak to it.
  spy.sendJson({ type: 'send', text: 'from a spy' });
  vera.sendJson({ type: 'send', text: 'to all' });
  assert.deepEqual(await nora.next(), ['end']);
  assert.deepEqual(await nora.next(), ['chat message', 'to all']);
  assert.equal(await metric(chatd, 'libchat_guest_dropped_total{reason="refused"}'), 1);
  await spy.flushed();
  assert.equal(spy.messages.waiting.some((text) => text.includes('secret')), false);
});

each('namespaces and a prefix', async (t, kind) => {
  const redis = await startRedis(t);
  const node = await startNode(t, redis, kind, { key: 'mine', channelPrefix: 'mine' });
  node.io.of('/dev').on('connection', (socket) => socket.join('chat:ops'));
  const chatd = await startGuest(t, redis, kind, '&prefix=mine&namespaces=/,%2Fdev&room_prefix=chat:');
  await ready(node);
  await ready(node, { nsp: '/dev', readers: 2 });
  const nora = await connectIoClient(t, node.port, '/dev');
  const lisa = await connectIoClient(t, chatd.port, '/dev');
  const olga = await connectV1(t, chatd, '?room=dev:ops');
  node.io.of('/dev').emit('dev', 1);
  for (const client of [nora, lisa]) assert.deepEqual(await client.next(), ['dev', 1]);
  node.io.of('/dev').to('chat:ops').emit('ops', 2);
  assert.equal((await nextMessage(olga)).event, 'ops');
  assert.deepEqual(await nora.next(), ['ops', 2]);
  node.io.of('/dev').to('ops').emit('other', 3); // has no prefix
  olga.sendJson({ type: 'send', text: 'to ops' });
  assert.equal((await nextMessage(olga)).text, 'to ops');
  assert.deepEqual(await nora.next(), ['chat message', 'to ops']);
  lisa.emit('chat message', 'to dev');
  assert.deepEqual(await nora.next(), ['chat message', 'to dev']);
  assert.deepEqual(new Set((await node.io.of('/dev').fetchSockets()).map(({ id }) => id)), new Set([nora.id, lisa.id]));
  assert.deepEqual(await node.io.fetchSockets(), []);
});

each('two guests, one with threads and a history in a file', async (t, kind) => {
  const { redis, node, chatd, nora, lisa } = await startMixed(t, kind, {
    args: ['--threads', '2', '--history', path.join(temporaryFolder(t), 'chat.db')],
  });
  const other = await startGuest(t, redis, kind);
  await ready(node, { servers: 3 });
  const leo = await connectIoClient(t, other.port);
  const everybody = [nora, lisa, leo];
  for (const [number, sender] of everybody.entries()) {
    if (sender === nora) node.io.emit('chat message', `${number}`);
    else sender.emit('chat message', `${number}`);
    for (const client of everybody) assert.deepEqual(await client.next(), ['chat message', `${number}`]);
  }
  assert.equal((await node.io.fetchSockets()).length, 3);
  assert.deepEqual(everybody.map((client) => client.heard.waiting), [[], [], []]);
  assert.equal(await metric(chatd, 'libchat_guest_published_total'), 1);
  assert.equal(await metric(other, 'libchat_guest_published_total'), 1);
});

each('a room that only a history keeps is not here', async (t, kind) => {
  const redis = await startRedis(t);
  const node = await startNode(t, redis, kind);
  const history = ['--history', path.join(temporaryFolder(t), 'chat.db')];
  const before = await startGuest(t, redis, kind, '', history);
  await ready(node);
  const olga = await connectV1(t, before, '?room=ops');
  olga.sendJson({ type: 'send', text: 'kept' });
  assert.equal((await nextMessage(olga)).text, 'kept');
  before.kill('SIGTERM');
  await before.exited;
  await until(async () => (await node.io.of('/').adapter.serverCount()) === 1);

  const chatd = await startGuest(t, redis, kind, '', history);
  await ready(node);
  const vera = await connectV1(t, chatd);
  node.io.to('ops').emit('chat message', 'to nobody');
  node.io.emit('chat message', 'to all');
  assert.equal((await nextMessage(vera)).text, 'to all');
  const again = await connectV1(t, chatd, '?room=ops');
  const found = await again.request({ type: 'history', room: 'ops', ref: 'h' });
  assert.deepEqual(found.messages.map(({ text }) => text), ['kept']);
  if (kind === 'sharded') {
    await until(async () => (await node.pub.sendCommand(['PUBSUB', 'SHARDNUMSUB', 'socket.io#/#ops#']))[1] === 1);
  }
  node.io.to('ops').emit('chat message', 'to ops');
  assert.equal((await nextMessage(again)).text, 'to ops');
});

each('what is ephemeral remains so at another guest', async (t, kind) => {
  const { redis, node, nora, vera } = await startMixed(t, kind);
  const other = await startGuest(t, redis, kind);
  await ready(node, { servers: 3 });
  const wanda = await connectV1(t, other);
  vera.sendJson({ type: 'send', event: 'typing', args: ['Vera'], ephemeral: true });
  vera.sendJson({ type: 'send', text: 'kept' });
  for (const client of [vera, wanda]) {
    const typing = await nextMessage(client);
    assert.deepEqual([typing.event, typing.seq], ['typing', undefined]);
    const kept = await nextMessage(client);
    assert.deepEqual([kept.text, kept.seq], ['kept', 1]);
  }
  assert.deepEqual(await nora.next(), ['typing', 'Vera']);
  const found = await wanda.request({ type: 'history', ref: 'h' });
  assert.deepEqual(found.messages.map(({ text }) => text), ['kept']);
});

each('Redis comes back', async (t, kind) => {
  const { redis, node, chatd, lisa } = await startMixed(t, kind);
  await node.pub.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']).catch(() => {});
  await node.pub.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']).catch(() => {});
  await until(async () => (await metric(chatd, 'libchat_guest_losses_total')) >= 1);
  await until(async () => (await metric(chatd, 'libchat_guest_up')) === 1);
  const other = await startNode(t, redis, kind);
  await ready(other, { servers: 3 }); // the first one has come back, too
  other.io.emit('again', blob);
  assert.deepEqual(await lisa.next(), ['again', blob]);
  lisa.emit('chat message', 'here');
  assert.ok((await other.io.fetchSockets()).some(({ id }) => id === lisa.id));
});

test('redis: messages wait for Redis', options, async (t) => {
  const redis = await startRedis(t);
  const chatd = await startGuest(t, redis, 'redis');
  await until(async () => (await metric(chatd, 'libchat_guest_up')) === 1);
  const lisa = await connectIoClient(t, chatd.port);
  redis.child.kill('SIGKILL');
  await until(async () => (await metric(chatd, 'libchat_guest_up')) === 0);
  lisa.emit('chat message', 'held');
  assert.deepEqual(await lisa.next(), ['chat message', 'held']); // here at once
  assert.equal(await metric(chatd, 'libchat_guest_waiting'), 1);
  await startRedis(t, redis.folder);
  await until(async () => (await metric(chatd, 'libchat_guest_published_total')) === 1);
  assert.equal(await metric(chatd, 'libchat_guest_waiting'), 0);

  // For so long, and then they are dropped.
  const other = await startRedis(t);
  const alone = await startGuest(t, other, 'redis');
  await until(async () => (await metric(alone, 'libchat_guest_up')) === 1);
  other.child.kill('SIGKILL');
  await until(async () => (await metric(alone, 'libchat_guest_up')) === 0);
  (await connectIoClient(t, alone.port)).emit('chat message', 'lost');
  await until(async () => (await metric(alone, 'libchat_guest_dropped_total{reason="unavailable"}')) === 1);
  assert.equal(await metric(alone, 'libchat_guest_waiting'), 0);
});

test('redis: another replication id of the same primary is no other primary', options, async (t) => {
  const redis = await startRedis(t);
  const chatd = await startGuest(t, redis, 'redis');
  await until(async () => (await metric(chatd, 'libchat_guest_up')) === 1);
  const client = await connectRedis(t, redis);
  const connections = async (type) => {
    const list = (await client.sendCommand(['CLIENT', 'LIST', 'TYPE', type])).split('\n');
    return list.filter((line) => line.includes('name=libchat')).map((line) => /\bid=(\d+)/.exec(line)[1]);
  };
  const id = async () => /master_replid:(\w+)/.exec(await client.info('replication'))[1];
  const [commands, [subscriber], before] = [await connections('normal'), await connections('pubsub'), await id()];
  assert.equal(commands.length, 1);
  // The first replica: Redis takes another id when somebody asks for its data.
  const replica = net.connect(redis.url.slice('unix://'.length));
  atEnd(t, () => replica.destroy());
  replica.on('error', () => {});
  replica.write('PSYNC ? -1\r\n');
  await until(async () => (await id()) !== before);
  await client.sendCommand(['CLIENT', 'KILL', 'ID', subscriber]);
  await until(async () => (await connections('pubsub')).length === 1 && (await metric(chatd, 'libchat_guest_up')) === 1);
  assert.notDeepEqual(await connections('pubsub'), [subscriber]);
  assert.deepEqual(await connections('normal'), commands);
});

test('redis: what the connection had not sent is sent to the next one', options, async (t) => {
  const redis = await startRedis(t);
  const chatd = await startGuest(t, redis, 'redis');
  await until(async () => (await metric(chatd, 'libchat_guest_up')) === 1);
  const lisa = await connectIoClient(t, chatd.port);
  redis.child.kill('SIGSTOP');
  const text = 'x'.repeat(100_000);
  for (let i = 0; i < 20; i += 1) {
    lisa.emit('chat message', text);
    await lisa.next();
  }
  // More than the system's buffers hold.
  assert.equal(await metric(chatd, 'libchat_guest_waiting'), 20);
  redis.child.kill('SIGKILL');
  await startRedis(t, redis.folder);
  await until(async () => (await metric(chatd, 'libchat_guest_waiting')) === 0);
  const published = await metric(chatd, 'libchat_guest_published_total');
  const lost = await metric(chatd, 'libchat_guest_dropped_total{reason="unavailable"}');
  assert.equal(published + lost, 20);
  assert.ok(published >= 10, `${published} were published`);
});

// Without a server of Node.js at first: some of these end it.
each('bytes that no adapter writes are counted and ignored', async (t, kind) => {
  const redis = await startRedis(t);
  const chatd = await startGuest(t, redis, kind);
  const dropped = (reason) => metric(chatd, `libchat_guest_dropped_total{reason="${reason}"}`);
  await until(async () => (await metric(chatd, 'libchat_guest_up')) === 1);
  const lisa = await connectIoClient(t, chatd.port);
  const client = await connectRedis(t, redis);
  const garbage = ['', '{', '[]', '{"type":99,"uid":"u","nsp":"/"}', '\x93\x01', '{"type":3,"uid":"u","nsp":"/","data":{}}'];
  for (const text of garbage) {
    const bytes = Buffer.from(text, 'latin1');
    if (kind === 'sharded') await client.sPublish('socket.io#/#', bytes);
    else await client.publish('socket.io#/#', bytes);
    if (kind === 'redis') await client.publish('socket.io-request#/#', bytes);
  }
  if (kind === 'streams') {
    await client.xAdd('socket.io', '*', { nsp: '/', uid: 'u', type: '3', data: '{]' });
    await client.xAdd('socket.io', '*', { other: 'x' });
  }
  await until(async () => (await dropped('malformed')) >= garbage.length);

  const node = await startNode(t, redis, kind);
  await ready(node);
  node.io.emit('n'.repeat(129)); // a name that is too long here
  node.io.emit('large', Buffer.alloc(2_000_000));
  node.io.to('lobby').emit('to lobby'); // here the name of the namespace's room, and no room in it
  node.io.emit('fine', blob);
  assert.deepEqual(await lisa.next(), ['fine', blob]);
  assert.equal(await dropped('refused'), 1);
  assert.equal(await dropped('too_large'), 1);
  assert.equal((await node.io.fetchSockets()).length, 1);
});

test('redis: the emitter', options, async (t) => {
  const { node, nora, lisa, vera } = await startMixed(t, 'redis');
  const emitter = new Emitter(node.pub);
  emitter.emit('hi', 1, { blob });
  for (const client of [nora, lisa]) assert.deepEqual(await client.next(), ['hi', 1, { blob }]);
  assert.equal((await nextMessage(vera)).event, 'hi');
  emitter.in(lisa.id).socketsJoin('ops');
  await isIn(node, lisa.id, 'ops');
  emitter.to('ops').emit('to ops');
  assert.deepEqual(await lisa.next(), ['to ops']);
  emitter.except('ops').emit('not to ops');
  assert.deepEqual(await nora.next(), ['not to ops']);
  emitter.serverSideEmit('nobody listens');
  emitter.in('ops').socketsLeave('ops');
  await until(async () => (await node.io.in('ops').fetchSockets()).length === 0);
  emitter.in(lisa.id).disconnectSockets();
  assert.equal(await lisa.ends.take(), 'io server disconnect');
  assert.deepEqual(lisa.heard.waiting, []);
});

test('redis: without requests, events only', options, async (t) => {
  const redis = await startRedis(t);
  const node = await startNode(t, redis, 'redis');
  const chatd = await startGuest(t, redis, 'redis', '&requests=no');
  await ready(node, { servers: 1 });
  await until(async () => (await metric(chatd, 'libchat_guest_up')) === 1);
  const nora = await connectIoClient(t, node.port);
  const lisa = await connectIoClient(t, chatd.port);
  node.io.emit('hi');
  assert.deepEqual(await lisa.next(), ['hi']);
  lisa.emit('ho');
  assert.deepEqual([await nora.next(), await nora.next()], [['hi'], ['ho']]);
  assert.deepEqual((await node.io.fetchSockets()).map(({ id }) => id), [nora.id]);
});

test('redis: a node that wants answers on its own channel', options, async (t) => {
  const { node, lisa, nora } = await startMixed(t, 'redis', { options: { publishOnSpecificResponseChannel: true } });
  assert.deepEqual(new Set((await node.io.fetchSockets()).map(({ id }) => id)), new Set([nora.id, lisa.id]));
});

test('sharded: static subscriptions', options, async (t) => {
  const { node, lisa } = await startMixed(t, 'sharded', {
    query: '&subscriptions=static', options: { subscriptionMode: 'static' },
  });
  node.io.in(lisa.id).socketsJoin('ops');
  await isIn(node, lisa.id, 'ops');
  node.io.to('ops').emit('to ops');
  assert.deepEqual(await lisa.next(), ['to ops']);
});

test('streams: several streams, sharded channels, and what was added while the guest was cut off', options, async (t) => {
  const { redis, node, chatd, lisa } = await startMixed(t, 'streams', {
    query: '&streams=2&pubsub=sharded&stream=s&max_length=50',
    options: { streamCount: 2, useShardedPubSub: true, streamName: 's' },
    readers: 3, // the server has one for each stream
  });
  assert.equal((await node.io.fetchSockets()).length, 2);
  const client = await connectRedis(t, redis);
  // The guest's readers are cut off in the same moment in which an event is added.
  const list = (await client.sendCommand(['CLIENT', 'LIST'])).split('\n');
  const reader = list.find((line) => line.includes('name=libchat-guest') && line.includes('cmd=xread'));
  const id = reader.match(/^id=(\d+)/)[1];
  const kill = client.sendCommand(['CLIENT', 'KILL', 'ID', id]);
  node.io.emit('meanwhile', blob);
  await kill;
  assert.deepEqual(await lisa.next(), ['meanwhile', blob]);
  await until(async () => (await metric(chatd, 'libchat_guest_up')) === 1);
});

// It counts nodes by heartbeats, and has requests and answers in the stream.
test('streams 0.2: a guest counts as a node', options, async (t) => {
  const redis = await startRedis(t);
  const node = await startNode(t, redis, 'streams 0.2');
  const chatd = await startGuest(t, redis, 'streams');
  await ready(node);
  const nora = await connectIoClient(t, node.port);
  const lisa = await connectIoClient(t, chatd.port);
  node.io.emit('hi', blob);
  lisa.emit('ho', { blob });
  for (const client of [nora, lisa]) {
    const heard = [await client.next(), await client.next()];
    assert.deepEqual(heard.sort(), [['hi', blob], ['ho', { blob }]]);
  }
  assert.deepEqual(new Set((await node.io.fetchSockets()).map(({ id }) => id)), new Set([nora.id, lisa.id]));
  for (const client of [nora, lisa]) client.on('echo', (value, done) => done(value));
  assert.deepEqual(await node.io.timeout(20_000).emitWithAck('echo', blob), [blob, blob]);
  for (const args of [[], Array.from({ length: 20 }, () => blob)]) {
    const answers = await new Promise((resolve, reject) => {
      node.io.serverSideEmit('ask', ...args, (error, responses) => (error ? reject(error) : resolve(responses)));
    });
    assert.equal(answers.length, 1);
  }
  chatd.kill('SIGTERM');
  await chatd.exited;
  await until(async () => (await node.io.of('/').adapter.serverCount()) === 1); // it has said goodbye
});

each('a guest that stops is not waited for', async (t, kind) => {
  const { redis, node, nora } = await startMixed(t, kind);
  const second = await startGuest(t, redis, kind);
  await ready(node, { servers: 3 });
  second.kill('SIGTERM');
  await second.exited;
  await until(async () => (await node.io.of('/').adapter.serverCount()) === 2);
  assert.equal((await node.io.fetchSockets()).length, 2);
  assert.ok(nora.connected);
});
