// The policy `island` with official clients of Socket.IO: they go on while Redis is gone, and everyone has everything when it
// is back.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { hasRedis, startRedis } from './cluster_support.mjs';
import { connectSocketIo } from './socket_io_support.mjs';
import { startChatd, test as testAny } from './support.mjs';

const test = (name, body) => testAny(name, { skip: !hasRedis && 'redis-server is not installed' }, body);

async function start(t, count, args = [], policy = 'island') {
  const redis = await startRedis(t);
  const servers = [];
  const options = ['--cluster', redis.url, '--cluster-policy', policy, ...args];
  for (let i = 0; i < count; i += 1) servers.push(await startChatd(t, options));
  const stop = async () => {
    redis.child.kill('SIGKILL');
    await once(redis.child, 'exit');
  };
  return { servers, stop, startAgain: () => startRedis(t, redis.folder) };
}

for (const mode of ['polling', 'websocket']) {
  test(`Socket.IO goes on without Redis, and the other server hears it later: ${mode}`, async (t) => {
    const { servers: [first, second], stop, startAgain } = await start(t, 2);
    const ann = await connectSocketIo(t, first, { mode });
    const bob = await connectSocketIo(t, second, { mode });
    await ann.settled();
    const [before] = await ann.ask('chat message', 'before');
    assert.equal(before.seq, 1);
    for (const client of [ann, bob]) assert.deepEqual(await client.take(), ['chat message', 'before']);
    await stop();
    const blob = Buffer.from([1, 2, 3]);
    const [alone] = await ann.ask('island', 1, blob);
    assert.equal(alone.seq, 2);
    assert.notEqual(alone.epoch, before.epoch);
    // Its members notice nothing.
    assert.deepEqual(await ann.take(), ['island', 1, blob]);
    // A new room, and a new client in the old one.
    const eve = await connectSocketIo(t, first, { mode, namespace: '/elsewhere' });
    assert.equal((await eve.ask('chat message', 'new room'))[0].seq, 1);
    const dan = await connectSocketIo(t, first, { mode });
    assert.equal((await dan.ask('island', 2))[0].seq, 3);
    assert.deepEqual(await ann.take(), ['island', 2]);
    await startAgain();
    // Elsewhere they are new, and come once.
    assert.deepEqual(await bob.take(), ['island', 1, blob]);
    assert.deepEqual(await bob.take(), ['island', 2]);
    assert.equal((await bob.ask('chat message', 'after'))[0].epoch, before.epoch);
    assert.deepEqual(await bob.take(), ['chat message', 'after']);
    // Here what is kept comes again, because the numbering is another one.
    for (const event of [['chat message', 'before'], ['island', 1, blob], ['island', 2], ['chat message', 'after']]) {
      assert.deepEqual(await ann.take(), event);
    }
    assert.deepEqual((await ann.ask('chat message', 'last'))[0], { seq: 5, epoch: before.epoch });
    assert.deepEqual(await bob.take(), ['chat message', 'last']);
  });
}

test('a Socket.IO client is not recovered while Redis is gone, and is afterwards', async (t) => {
  const { servers: [first, second], stop, startAgain } = await start(t, 2, ['--recovery-window-ms', '60000']);
  for (const server of [first, second]) server.recovery = true;
  const back = { reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 50 };
  const ann = await connectSocketIo(t, first, { mode: 'websocket', ...back });
  const bob = await connectSocketIo(t, second, { mode: 'websocket' });
  await stop();
  assert.equal((await ann.ask('chat message', 'alone'))[0].seq, 1);
  assert.deepEqual(await ann.take(), ['chat message', 'alone']);
  ann.cut();
  await ann.state('disconnect');
  await ann.opened();
  assert.equal(ann.socket.recovered, false);
  assert.equal((await ann.ask('chat message', 'new'))[0].seq, 2);
  assert.deepEqual(await ann.take(), ['chat message', 'new']);
  await startAgain();
  for (const client of [bob, ann]) {
    assert.deepEqual(await client.take(), ['chat message', 'alone']);
    assert.deepEqual(await client.take(), ['chat message', 'new']);
  }
  const { id } = ann.socket;
  ann.socket.io.reconnection(false);
  ann.cut();
  await ann.state('disconnect');
  bob.emit('chat message', 'missed');
  assert.deepEqual(await bob.take(), ['chat message', 'missed']);
  ann.socket.io.uri = second.http('/');
  ann.socket.connect();
  await ann.opened();
  assert.deepEqual([ann.socket.recovered, ann.socket.id], [true, id]);
  assert.deepEqual(await ann.take(), ['chat message', 'missed']);
});

test('with the policy hold an event is refused after a time', async (t) => {
  const { servers: [server], stop, startAgain } = await start(t, 1, [], 'hold');
  const ann = await connectSocketIo(t, server, { mode: 'websocket' });
  await stop();
  const [refused] = await ann.ask('chat message', 'lost');
  assert.equal(refused.error, 'unavailable');
  await startAgain();
  let [answer] = await ann.ask('chat message', 'again');
  // It may have been sent before the server has found Redis again, and waited for it.
  while (answer.error) [answer] = await ann.ask('chat message', 'again');
  assert.equal(answer.seq, 1);
  assert.deepEqual(await ann.take(), ['chat message', 'again']);
});
