// Socket.IO's connection state recovery in a cluster: a client comes back to another server than the one that it left, or that
// has died, and is the same client with everything that it missed; or it is told that it is not.
import assert from 'node:assert/strict';
import { hasRedis, killServer, startCluster } from './cluster_support.mjs';
import { connectSocketIo, connectWebSocket, modes, openWebSocket } from './socket_io_support.mjs';
import { test as testAny } from './support.mjs';

const test = (name, body) => testAny(name, { skip: !hasRedis && 'redis-server is not installed' }, body);
// More than what a test says while a client is away: what is not kept any more cannot be recovered.
const recovery = ['--recovery-window-ms', '60000', '--history-messages', '5000'];
const back = { reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 50 };

async function start(t, count, more = []) {
  const cluster = await startCluster(t, count, [...recovery, ...more]);
  for (const server of cluster.servers) server.recovery = true;
  return cluster;
}

// The official client goes to another server from now on.
function turnTo(client, server) {
  client.socket.io.uri = server.http('/');
}

async function lose(client) {
  client.socket.io.reconnection(false);
  client.cut();
  await client.state('disconnect');
}

// By hand, on a WebSocket: the answer to a CONNECT with this pid.
async function comeBack(t, server, auth, namespace = '/') {
  const client = await openWebSocket(t, server);
  client.send(`40${namespace === '/' ? '' : `${namespace},`}${JSON.stringify(auth)}`);
  client.connected = await client.take();
  client.answer = JSON.parse(client.connected.slice(client.connected.indexOf('{')));
  return client;
}

async function leave(t, server, { namespace = '/', say = true } = {}) {
  const client = await connectWebSocket(t, server, { namespace });
  const { sid, pid } = JSON.parse(client.connected.slice(client.connected.indexOf('{')));
  const place = namespace === '/' ? '' : `${namespace},`;
  let offset;
  if (say) {
    client.send(`42${place}["before"]`);
    offset = JSON.parse((await client.take()).slice(2 + place.length)).pop();
  }
  return { client, sid, pid, offset, auth: offset ? { pid, offset } : { pid } };
}

for (const mode of Object.keys(modes)) {
  test(`at another server, what was missed comes, and the id stays: ${mode}`, async (t) => {
    const { servers: [first, second] } = await start(t, 2, ['--threads', '2']);
    const bob = await connectSocketIo(t, second, { mode: 'websocket' });
    const ann = await connectSocketIo(t, first, { mode, ...back });
    await ann.settled();
    const { id } = ann.socket;
    bob.emit('chat message', 'before');
    assert.deepEqual(await ann.take(), ['chat message', 'before']);
    for (const [server, round] of [[second, 1], [first, 2], [second, 3]]) {
      await lose(ann);
      for (let number = 0; number < 20; number += 1) {
        bob.emit('missed', round, number, number % 5 ? null : Buffer.from([number]));
      }
      await bob.flushed();
      turnTo(ann, server);
      ann.socket.connect();
      await ann.opened();
      assert.deepEqual([ann.socket.recovered, ann.socket.id], [true, id]);
      for (let number = 0; number < 20; number += 1) {
        assert.deepEqual(await ann.take(), ['missed', round, number, number % 5 ? null : Buffer.from([number])]);
      }
      ann.emit('chat message', 'after');
      assert.deepEqual(await ann.take(), ['chat message', 'after']);
    }
  });

  test(`kill -9 of its server under load, nothing is lost or doubled: ${mode}`, async (t) => {
    const { servers: [home, ...others] } = await start(t, 3, ['--threads', '2']);
    const ann = await connectSocketIo(t, home, { mode, ...back });
    await ann.settled();
    const { id } = ann.socket;
    const speakers = await Promise.all(others.map((server) => connectSocketIo(t, server, { mode: 'websocket' })));
    const total = 300;
    const say = async (speaker, name, until) => {
      for (let number = 0; number < total; number += 1) {
        speaker.emit(name, number);
        if (number % 10 === 0) await speaker.flushed();
        if (number === until) {
          turnTo(ann, others[1]);
          await killServer(home);
        }
      }
      await speaker.flushed();
    };
    await Promise.all([say(speakers[0], 'a', 100), say(speakers[1], 'b')]);
    const heard = { a: [], b: [] };
    while (heard.a.length < total || heard.b.length < total) {
      const [name, number] = await ann.take(([event]) => event === 'a' || event === 'b');
      heard[name].push(number);
    }
    const all = Array.from({ length: total }, (_, number) => number);
    assert.deepEqual(heard, { a: all, b: all });
    assert.deepEqual([ann.socket.recovered, ann.socket.id], [true, id]);
    speakers[0].emit('end');
    assert.deepEqual(await ann.take(), ['end']); // and nothing before it
  });
}

test('a client comes back many times while its servers die one after the other', async (t) => {
  const { servers } = await start(t, 4);
  const last = servers[3];
  const ann = await connectSocketIo(t, servers[0], { mode: 'websocket', ...back });
  const bob = await connectSocketIo(t, last, { mode: 'websocket' });
  const { id } = ann.socket;
  for (const [index, server] of servers.slice(0, 3).entries()) {
    bob.emit('n', index);
    assert.deepEqual(await ann.take(), ['n', index]);
    turnTo(ann, servers[index + 1]);
    await killServer(server);
    bob.emit('missed', index);
    assert.deepEqual(await ann.take(), ['missed', index]);
    assert.deepEqual([ann.socket.recovered, ann.socket.id], [true, id]);
  }
});

test('each namespace is recovered for itself, after a kill', async (t) => {
  const { servers: [first, second] } = await start(t, 2);
  const bob = await connectSocketIo(t, second, { mode: 'websocket' });
  const bobDev = await bob.namespace('/dev').opened();
  const ann = await connectSocketIo(t, first, { mode: 'websocket', ...back });
  const dev = await ann.namespace('/dev').opened();
  const fresh = await ann.namespace('/fresh').opened(); // has heard nothing, and so has no offset
  const ids = [ann, dev, fresh].map(({ socket }) => socket.id);
  bob.emit('chat message', 'lobby');
  bobDev.emit('chat message', 'dev');
  await ann.take();
  await dev.take();
  await ann.flushed(); // the cluster has the records by now
  turnTo(ann, second);
  await killServer(first);
  bobDev.emit('chat message', 'missed in dev');
  for (const client of [ann, dev, fresh]) {
    await client.state('disconnect');
    await client.opened();
  }
  assert.deepEqual([ann, dev, fresh].map(({ socket }) => socket.recovered), [true, true, true]);
  assert.deepEqual([ann, dev, fresh].map(({ socket }) => socket.id), ids);
  assert.deepEqual(await dev.take(), ['chat message', 'missed in dev']);
});

test('a server that stops in order hands its clients over', async (t) => {
  const { servers: [first, second] } = await start(t, 2);
  const bob = await connectSocketIo(t, second, { mode: 'websocket' });
  const ann = await connectSocketIo(t, first, { mode: 'websocket', ...back });
  const { id } = ann.socket;
  bob.emit('chat message', 'before');
  await ann.take();
  turnTo(ann, second);
  first.endGently();
  await first.exited;
  bob.emit('chat message', 'missed');
  assert.deepEqual(await ann.take(), ['chat message', 'missed']);
  assert.deepEqual([ann.socket.recovered, ann.socket.id], [true, id]);
});

test('a connection that is still open elsewhere is taken over', async (t) => {
  const { servers: [first, second] } = await start(t, 2, ['--threads', '2']);
  for (const [from, to] of [[first, second], [second, second]]) {
    const old = await leave(t, from);
    const bob = await connectSocketIo(t, second, { mode: 'websocket' });
    const again = await comeBack(t, to, old.auth);
    assert.deepEqual([again.answer.sid, again.answer.pid], [old.sid, old.pid]);
    assert.equal(await old.client.take(), '41');
    bob.emit('chat message', 'to one');
    assert.match(await again.take(), /^42\["chat message","to one",/);
    await again.close();
    await old.client.close();
    bob.end();
  }
});

test('of several servers that are asked at once, one gets the client', async (t) => {
  const { servers } = await start(t, 3);
  for (let round = 0; round < 5; round += 1) {
    const old = await leave(t, servers[0]);
    await old.client.close();
    const all = await Promise.all(servers.map((server) => comeBack(t, server, old.auth)));
    const same = all.filter(({ answer }) => answer.sid === old.sid);
    let alive = 0;
    for (const client of same) {
      client.send('42["alive"]');
      // One that was continued at a third server was told so before.
      if (await client.take() !== '41') alive += 1;
    }
    assert.equal(alive, 1, JSON.stringify(all.map(({ answer }) => answer)));
    for (const client of all) await client.close();
  }
});

test('who says goodbye, or sends nonsense, is new elsewhere', async (t) => {
  const { servers: [first, second] } = await start(t, 2);
  const gone = await leave(t, first);
  gone.client.send('41');
  gone.client.send('40');
  await gone.client.take((text) => text.startsWith('40'));
  const lost = await leave(t, first, { namespace: '/dev' });
  await lost.client.close();
  for (const [auth, namespace] of [
    [gone.auth, '/'],
    [lost.auth, '/'], // of another namespace
    [{ pid: 'nobody', offset: lost.offset }, '/dev'],
    [{ pid: 'x'.repeat(20), offset: lost.offset }, '/dev'],
    [{ pid: '*'.repeat(20), offset: lost.offset }, '/dev'],
    [{ pid: lost.pid, offset: 'nonsense' }, '/dev'],
  ]) {
    const other = await comeBack(t, second, auth, namespace);
    assert.notEqual(other.answer.sid, gone.sid);
    assert.notEqual(other.answer.sid, lost.sid);
    other.send(`42${namespace === '/' ? '' : `${namespace},`}["alive"]`);
    await other.take((text) => text.includes('"alive"'));
    await other.close();
  }
  const again = await comeBack(t, second, lost.auth, '/dev');
  assert.equal(again.answer.sid, lost.sid);
});

test('an offset that was never sent: the client is new', async (t) => {
  const { servers: [first, second] } = await start(t, 2);
  for (const kill of [false, true]) {
    const old = await leave(t, first);
    if (kill) await killServer(first);
    else await old.client.close();
    const [epoch] = old.offset.split(':');
    const other = await comeBack(t, second, { pid: old.pid, offset: `${epoch}:4000` });
    assert.notEqual(other.answer.sid, old.sid);
  }
});

test('what is kept of lost clients is bounded', async (t) => {
  const { servers: [first, second] } = await start(t, 2, ['--recovery-bytes', '4000']);
  const all = [];
  for (let number = 0; number < 40; number += 1) {
    const old = await leave(t, first, { say: false });
    await old.client.close();
    all.push(old);
  }
  let same = 0;
  for (const old of all) {
    const again = await comeBack(t, second, old.auth);
    if (again.answer.sid === old.sid) same += 1;
    await again.close();
  }
  assert.ok(same > 0 && same < all.length / 2, `${same}`);
});

// It loses all of its clients at once, most of them above the limit.
test('a server that stops in order leaves what Redis has of its clients', async (t) => {
  const { servers: [first, second] } = await start(t, 2, ['--recovery-bytes', '4000']);
  const all = [];
  for (let number = 0; number < 20; number += 1) all.push(await leave(t, first, { say: false }));
  first.endGently();
  await first.exited;
  for (const old of all) {
    const again = await comeBack(t, second, old.auth);
    assert.equal(again.answer.sid, old.sid);
    await again.close();
  }
});

test('the window has passed', async (t) => {
  const { servers: [first, second] } = await start(t, 2, ['--recovery-window-ms', '100']);
  const old = await leave(t, first);
  await old.client.close();
  const bob = await connectSocketIo(t, second, { mode: 'websocket' });
  const lost = Date.now();
  // On purpose: what must pass is time, at least this much.
  while (Date.now() < lost + 400) await bob.flushed();
  const other = await comeBack(t, second, old.auth);
  assert.notEqual(other.answer.sid, old.sid);
});

test('without Redis nobody is recovered, and nobody waits for long', async (t) => {
  const { redis, servers: [first, second] } = await start(t, 2);
  const bob = await connectSocketIo(t, second, { mode: 'websocket' }); // the room is known there
  const old = await leave(t, first);
  await old.client.close();
  redis.child.kill('SIGKILL');
  while ((await fetch(second.http('/readyz'))).status !== 503);
  const other = await comeBack(t, second, old.auth);
  assert.notEqual(other.answer.sid, old.sid);
  bob.end();
});
