// Connection state recovery: a client that comes back in time is the one that went, and gets what it missed. Against the
// reference server with connectionStateRecovery and against libchat.
import assert from 'node:assert/strict';
import {
  PollingSession, connectSocketIo, connectWebSocket, modes, openWebSocket, startServer as startAny, testEach, testLibchat,
} from './socket_io_support.mjs';

function startServer(t, kind, options = {}) {
  return startAny(t, kind, { recovery: true, ...options });
}

function startApplication(t, kind, options = {}) {
  return startServer(t, kind, { application: true, ...options });
}

const back = { reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 5 };

async function lose(client) {
  client.cut();
  await client.state('disconnect');
}

// Holds back a client that wants to come back at once.
function holdBack(client) {
  client.socket.io.reconnection(false);
}

for (const mode of Object.keys(modes)) {
  testEach(`what was missed comes, and the id stays: ${mode}`, async (t, kind) => {
    const server = await startServer(t, kind);
    const bob = await connectSocketIo(t, server, { mode: 'websocket' });
    const ann = await connectSocketIo(t, server, { mode, ...back });
    const { id } = ann.socket;
    bob.emit('chat message', 'before');
    assert.deepEqual(await ann.take(), ['chat message', 'before']);
    holdBack(ann);
    await lose(ann);
    for (let number = 0; number < 20; number += 1) bob.emit('missed', number, number % 5 ? null : Buffer.from([number]));
    await bob.flushed();
    ann.socket.connect();
    await ann.opened();
    assert.deepEqual([ann.socket.recovered, ann.socket.id], [true, id]);
    for (let number = 0; number < 20; number += 1) {
      assert.deepEqual(await ann.take(), ['missed', number, number % 5 ? null : Buffer.from([number])]);
    }
    bob.emit('chat message', 'after');
    assert.deepEqual(await ann.take(), ['chat message', 'after']);

    // And once more, with nothing missed.
    await lose(ann);
    ann.socket.connect();
    await ann.opened();
    assert.deepEqual([ann.socket.recovered, ann.socket.id], [true, id]);
    bob.emit('chat message', 'again');
    assert.deepEqual(await ann.take(), ['chat message', 'again']);
  });
}

testEach('a client that comes back by itself', async (t, kind) => {
  const server = await startServer(t, kind);
  const bob = await connectSocketIo(t, server);
  const ann = await connectSocketIo(t, server, { ...back });
  bob.emit('chat message', 'before');
  await ann.take();
  for (let round = 0; round < 5; round += 1) {
    await lose(ann);
    bob.emit('n', round);
    await ann.opened();
    assert.equal(ann.socket.recovered, true);
    assert.deepEqual(await ann.take(), ['n', round]);
  }
});

testEach('each namespace of a link is recovered for itself', async (t, kind) => {
  const server = await startServer(t, kind);
  const bob = await connectSocketIo(t, server, { mode: 'websocket' });
  const bobDev = await bob.namespace('/dev').opened();
  const ann = await connectSocketIo(t, server, { mode: 'websocket' });
  const dev = await ann.namespace('/dev').opened();
  const fresh = await ann.namespace('/fresh').opened(); // has heard nothing, and so has no offset
  const ids = [ann, dev, fresh].map(({ socket }) => socket.id);
  bob.emit('chat message', 'lobby');
  bobDev.emit('chat message', 'dev');
  await ann.take();
  await dev.take();
  ann.cut();
  for (const client of [ann, dev, fresh]) await client.state('disconnect');
  bobDev.emit('chat message', 'missed in dev');
  await bobDev.flushed();
  for (const client of [ann, dev, fresh]) client.socket.connect();
  for (const client of [ann, dev, fresh]) await client.opened();
  const all = kind === 'libchat'; // the reference needs an offset
  assert.deepEqual([ann, dev, fresh].map(({ socket }) => socket.recovered === true), [true, true, all]);
  assert.deepEqual([ann, dev].map(({ socket }) => socket.id), ids.slice(0, 2));
  assert.equal(fresh.socket.id === ids[2], all);
  assert.deepEqual(await dev.take(), ['chat message', 'missed in dev']);
});

testEach('the window has passed', async (t, kind) => {
  const server = await startServer(t, kind, { recovery_window_ms: 100 });
  const bob = await connectSocketIo(t, server, { mode: 'websocket' });
  const ann = await connectSocketIo(t, server);
  const { id } = ann.socket;
  bob.emit('chat message', 'before');
  await ann.take();
  const lost = Date.now();
  await lose(ann);
  // On purpose: what must pass is time, at least this much.
  while (Date.now() < lost + 400) await bob.flushed();
  ann.socket.connect();
  await ann.opened();
  assert.ok(!ann.socket.recovered);
  assert.notEqual(ann.socket.id, id);
});

testEach('a pid or an offset that there is not', async (t, kind) => {
  const server = await startServer(t, kind);
  const first = await connectWebSocket(t, server);
  const { sid, pid } = JSON.parse(first.connected.slice(2));
  first.send('42["a"]');
  const offset = JSON.parse((await first.take()).slice(2)).pop();
  await first.close();
  for (const auth of [
    { pid: 'nobody', offset },
    { pid, offset: 'nothing' },
    { pid, offset: '' },
    { pid, offset: 1 },
    ...(kind === 'reference' ? [{ pid }] : []), // to libchat: it has heard nothing
    { offset },
    { pid: sid, offset },
    { pid: 1, offset },
    { pid: [pid], offset: [offset] },
  ]) {
    const other = await connectWebSocket(t, server, { namespace: '/dev' });
    other.send(`40${JSON.stringify(auth)}`);
    const answer = JSON.parse((await other.take()).slice(2));
    assert.notEqual(answer.sid, sid, JSON.stringify(auth));
    assert.notEqual(answer.pid, pid, JSON.stringify(auth));
    other.send('42["alive"]');
    assert.match(await other.take(), /^42\["alive","/);
    await other.close();
  }
});

testEach('by hand: the same ids, then what was missed, with its offsets', async (t, kind) => {
  const server = await startServer(t, kind);
  const bob = await connectWebSocket(t, server);
  const first = await connectWebSocket(t, server);
  const { sid, pid } = JSON.parse(first.connected.slice(2));
  bob.send('42["a",1]');
  const offset = JSON.parse((await first.take()).slice(2)).pop();
  await first.close();
  const other = await connectWebSocket(t, server, { namespace: '/dev' });
  bob.send('42["b",2]');
  bob.send('42["c",{"deep":[true]}]');
  for (const name of ['a', 'b', 'c']) await bob.take((packet) => packet.startsWith(`42["${name}"`));
  other.send(`40${JSON.stringify({ pid, offset, token: 'x' })}`);
  const packets = [await other.take(), await other.take(), await other.take()];
  const connected = packets.findIndex((packet) => packet.startsWith('40'));
  assert.deepEqual(JSON.parse(packets[connected].slice(2)), { sid, pid });
  const events = packets.filter((packet) => packet.startsWith('42')).map((packet) => JSON.parse(packet.slice(2)));
  assert.deepEqual(events.map((event) => event.slice(0, -1)), [['b', 2], ['c', { deep: [true] }]]);
  assert.deepEqual(events.map((event) => typeof event.at(-1)), ['string', 'string']);
});

testEach('who says goodbye is not recovered', async (t, kind) => {
  const server = await startServer(t, kind);
  const ann = await connectSocketIo(t, server);
  const { id } = ann.socket;
  ann.emit('chat message', 'hello');
  await ann.take();
  const { engine } = ann.socket.io;
  ann.socket.disconnect();
  await ann.state('disconnect');
  while (engine.readyState !== 'closed') await new Promise((resolve) => setImmediate(resolve));
  ann.socket.connect();
  await ann.opened();
  assert.ok(!ann.socket.recovered);
  assert.notEqual(ann.socket.id, id);
});

testEach('without recovery nobody is', async (t, kind) => {
  const server = await startServer(t, kind, { recovery: false });
  const ann = await connectSocketIo(t, server);
  ann.emit('chat message', 'hello');
  assert.deepEqual(await ann.take(), ['chat message', 'hello']);
  await lose(ann);
  ann.socket.connect();
  await ann.opened();
  assert.ok(!ann.socket.recovered);
});

testEach('4.1.3 knows nothing of it, and comes back as somebody new', async (t, kind) => {
  const server = await startServer(t, kind);
  const ann = await connectSocketIo(t, server, { version: '4.1.3', ...back });
  const { id } = ann.socket;
  ann.emit('chat message', 'hello');
  await ann.take();
  await lose(ann);
  await ann.opened();
  assert.notEqual(ann.socket.id, id);
  ann.emit('chat message', 'anew');
  assert.deepEqual(await ann.take(), ['chat message', 'anew']);
});

for (const mode of Object.keys(modes)) {
  testLibchat(`a client that has heard nothing is recovered by its pid alone: ${mode}`, async (t) => {
    const server = await startServer(t, 'libchat');
    const ann = await connectSocketIo(t, server, { mode, ...back });
    await ann.settled();
    const bob = await connectSocketIo(t, server, { mode: 'websocket' });
    const { id } = ann.socket;
    for (const texts of [['one', 'two', 'three'], ['four']]) {
      holdBack(ann);
      await lose(ann);
      for (const text of texts) bob.emit('chat message', text);
      await bob.flushed();
      ann.socket.connect();
      await ann.opened();
      assert.deepEqual([ann.socket.recovered, ann.socket.id], [true, id]);
      for (const text of texts) assert.deepEqual(await ann.take(), ['chat message', text]);
      await ann.flushed();
      assert.deepEqual(ann.events.waiting, []);
    }
  });
}

// By hand, as the official client has an offset as soon as it has handed out an event.
async function connectAgain(t, server, auth) {
  const fresh = await openWebSocket(t, server);
  fresh.send(`40${JSON.stringify(auth)}`);
  const { sid } = JSON.parse((await fresh.take()).slice(2));
  fresh.send('42["end"]');
  const events = [];
  for (;;) {
    const packet = await fresh.take();
    if (packet === '2') continue;
    const [name] = JSON.parse(packet.slice(2));
    if (name === 'end') break;
    events.push(name);
  }
  await fresh.close();
  return { sid, events };
}

testLibchat('what an answered ping proves is not sent again to a client without an offset', async (t) => {
  const server = await startServer(t, 'libchat', { ping_interval_ms: 50 });
  const bob = await connectSocketIo(t, server, { mode: 'websocket' });
  const websocket = await connectWebSocket(t, server);
  const polling = await PollingSession.open(server);
  const told = [JSON.parse(websocket.connected.slice(2)), JSON.parse((await polling.connect()).slice(2))];
  for (const [index, client] of [websocket, polling].entries()) {
    const until = async (start, answersPings) => {
      for (;;) {
        const packet = await client.take();
        if (packet.startsWith(start)) return;
        if (packet === '2' && answersPings) await client.send('3');
      }
    };
    bob.emit(`proven ${index}`);
    await until(`42["proven ${index}"`, true);
    await until('2');
    await client.send('3');
    await until('2'); // the pong has been heard, and this ping is not answered
    bob.emit(`not proven ${index}`);
    await until(`42["not proven ${index}"`);
  }
  await websocket.close();
  await polling.post('1');
  bob.emit('missed');
  await bob.flushed();
  assert.deepEqual((await connectAgain(t, server, { pid: told[0].pid })),
    { sid: told[0].sid, events: ['not proven 0', 'proven 1', 'not proven 1', 'missed', 'mark'] });
  const { sid, events } = await connectAgain(t, server, { pid: told[1].pid });
  assert.deepEqual([sid, events.slice(0, 3)], [told[1].sid, ['not proven 1', 'missed', 'mark']]);
});

// The official client keeps its last offset when it has to begin anew, and gives it until it hears another one.
testLibchat('an offset of an earlier connection, or of another server, is none', async (t) => {
  const server = await startServer(t, 'libchat');
  const first = await connectWebSocket(t, server);
  first.send('42["before"]');
  const offset = JSON.parse((await first.take()).slice(2)).pop();
  await first.close();
  for (const stale of [offset, 'aaaaaaaaaaaa:77', 'aaaaaaaaaaaa:77:other', `${offset}:other`]) {
    const second = await connectWebSocket(t, server);
    const { sid, pid } = JSON.parse(second.connected.slice(2));
    await second.close();
    const bob = await connectWebSocket(t, server);
    bob.send('42["missed"]');
    await bob.take();
    await bob.close();
    assert.deepEqual(await connectAgain(t, server, { pid, offset: stale }), { sid, events: ['missed'] });
  }
});

testLibchat('a further room that had nothing said in it: what was said first while the client was away', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  const ann = await connectSocketIo(t, server, { mode: 'websocket', auth: { user_id: 'u-1', name: 'Ann' } });
  const { client } = await program.event('open');
  for (const room of ['user:u-1', 'side']) {
    assert.equal((await program.command('join', 0, client, room)).error, 'OK');
    await program.event('join', (event) => event.room === room);
  }
  // The last that it hears is of a room that it is not in any more when it goes.
  assert.equal((await program.command('publish', 0, 'side', 'aside', '[1]')).error, 'OK');
  assert.deepEqual((await ann.take()).slice(0, 2), ['aside', 1]);
  assert.equal((await program.command('leave', 0, client, 'side')).error, 'OK');
  await program.event('leave', (event) => event.room === 'side');
  await lose(ann);
  await program.event('disconnect');
  for (const [room, number] of [['user:u-1', 1], ['side', 2], ['lobby', 3], ['user:u-1', 4]]) {
    assert.equal((await program.command('publish', 0, room, 'away', `[${number}]`)).error, 'OK');
  }
  ann.socket.connect();
  await ann.opened();
  assert.equal(ann.socket.recovered, true);
  const heard = [await ann.take(), await ann.take(), await ann.take()];
  assert.deepEqual(heard.map((event) => event.slice(0, 2)), [['away', 3], ['away', 1], ['away', 4]]);
});

testLibchat('a room that was closed before anything was said in it: not recovered', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  const ann = await connectSocketIo(t, server, { namespace: '/dev', auth: { user_id: 'u-1', name: 'Ann' } });
  await lose(ann);
  await program.event('disconnect');
  assert.equal((await program.command('close-room', 0, 'dev', 'over')).error, 'OK');
  ann.socket.connect();
  await ann.opened();
  assert.ok(!ann.socket.recovered);
});

testLibchat('more was missed than is kept: not recovered', async (t) => {
  const server = await startServer(t, 'libchat', { history_messages: 5 });
  const bob = await connectSocketIo(t, server, { mode: 'websocket' });
  const ann = await connectSocketIo(t, server);
  const { id } = ann.socket;
  bob.emit('chat message', 'before');
  await ann.take();
  await lose(ann);
  for (let number = 0; number < 6; number += 1) bob.emit('missed', number);
  await bob.flushed();
  ann.socket.connect();
  await ann.opened();
  assert.ok(!ann.socket.recovered);
  assert.notEqual(ann.socket.id, id);
  bob.emit('chat message', 'after');
  assert.deepEqual(await ann.take(), ['chat message', 'after']);
});

testLibchat('the room was closed meanwhile, or the client banned: not recovered', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  const ann = await connectSocketIo(t, server, { namespace: '/dev', auth: { user_id: 'u-1', name: 'Ann' } });
  ann.emit('chat message', 'hello');
  await ann.take();
  await lose(ann);
  assert.match((await program.command('close-room', 0, 'dev', 'over')).error, /^(OK|ERROR_NO_SUCH_ROOM)$/);
  ann.socket.connect();
  await ann.opened();
  assert.ok(!ann.socket.recovered);
  ann.emit('chat message', 'anew');
  await ann.take();
  await lose(ann);
  assert.equal((await program.command('ban-user', 0, 'u-1', 'dev', 3_600_000, 'enough')).error, 'OK');
  ann.socket.connect();
  assert.equal((await ann.state('connect_error')).message, 'banned from the room dev');
});

testLibchat('the application is told who comes back, and its identity stays', async (t) => {
  const server = await startApplication(t, 'libchat');
  const { program } = server;
  const ann = await connectSocketIo(t, server, { mode: 'websocket', auth: { user_id: 'u-1', name: 'Ann' } });
  const opened = await program.event('open');
  ann.emit('chat message', 'hello');
  await ann.take();
  // A room of its own, in which nobody has said anything yet, is gone when it goes.
  assert.equal((await program.command('join', 0, opened.client, 'user:u-1')).error, 'OK');
  await program.event('join', ({ room }) => room === 'user:u-1');
  await lose(ann);
  assert.equal((await program.event('disconnect')).client, opened.client);
  ann.socket.connect();
  await ann.opened();
  assert.equal(ann.socket.recovered, true);
  const again = await program.event('open');
  assert.deepEqual([again.name, again.user_id, again.recovered_from], ['Ann', 'u-1', opened.client]);
  await program.event('join', ({ room, client }) => room === 'user:u-1' && client === again.client);
  assert.equal((await program.command('publish', 0, 'user:u-1', 'personal', '[1]')).error, 'OK');
  assert.deepEqual((await ann.take()).slice(0, 2), ['personal', 1]);
});

testLibchat('one pid continues one client: in its own namespace, and the older connection loses it', async (t) => {
  const server = await startServer(t, 'libchat');
  const first = await connectWebSocket(t, server);
  const { sid, pid } = JSON.parse(first.connected.slice(2));
  first.send('42["a"]');
  const offset = JSON.parse((await first.take()).slice(2)).pop();
  const other = await openWebSocket(t, server);
  other.send(`40/dev,${JSON.stringify({ pid, offset })}`);
  assert.notEqual(JSON.parse((await other.take()).slice('40/dev,'.length)).sid, sid);
  first.send('42["still here"]');
  assert.match(await first.take(), /^42\["still here"/);

  for (let old = first, round = 0; round < 3; round += 1) {
    const fresh = await openWebSocket(t, server);
    fresh.send(`40${JSON.stringify({ pid, offset })}`);
    assert.equal(JSON.parse((await fresh.take()).slice(2)).sid, sid);
    assert.match(await fresh.take(), /^42\["still here"/);
    assert.equal(await old.take(), '41');
    old = fresh;
  }
});

for (const threads of [1, 4]) {
  testLibchat(`recovered on another loop under load, ${threads} threads`, async (t) => {
    const server = await startServer(t, 'libchat', { threads, history_messages: 'off', history_bytes: 100_000_000 });
    const bob = await connectSocketIo(t, server, { mode: 'websocket' });
    const ann = await connectSocketIo(t, server, { ...back });
    let said = 0;
    let speaking = true;
    const spoken = (async () => {
      while (speaking) {
        for (let burst = 0; burst < 10; burst += 1) bob.emit('n', said++);
        await bob.flushed();
      }
    })();
    let expected = (await ann.take())[1] + 1;
    const hear = async (count) => {
      for (let heard = 0; heard < count; heard += 1) {
        const [, number] = await ann.take();
        assert.equal(number, expected);
        expected += 1;
      }
    };
    for (let round = 0; round < 10; round += 1) {
      await hear(50);
      ann.cut();
      await ann.state('disconnect');
      // The client keeps events that it had read but not handed out when it was cut, and hands them out after the next
      // connect beside those that it is sent again: with the reference server, too.
      ann.socket.receiveBuffer = [];
      await ann.opened();
      assert.equal(ann.socket.recovered, true);
    }
    await hear(50);
    speaking = false;
    await spoken;
  });
}

for (const threads of [1, 4]) {
  testLibchat(`who is back before the loss is noticed is recovered too, ${threads} threads`, async (t) => {
    const server = await startServer(t, 'libchat', { threads });
    const old = await connectWebSocket(t, server);
    const told = JSON.parse(old.connected.slice(2));
    old.send('42["n",1]');
    const [, , offset] = JSON.parse((await old.take()).slice(2));
    old.socket.pause(); // the network is gone: nobody reads, and nobody closes
    const bob = await connectSocketIo(t, server, { mode: 'websocket' });
    bob.emit('n', 2);
    await bob.take();

    const fresh = await openWebSocket(t, server);
    fresh.send(`40${JSON.stringify({ pid: told.pid, offset })}`);
    assert.deepEqual(JSON.parse((await fresh.take()).slice(2)), told);
    assert.equal(JSON.parse((await fresh.take()).slice(2))[1], 2);
    bob.emit('n', 3);
    assert.equal(JSON.parse((await fresh.take()).slice(2))[1], 3);

    old.socket.resume();
    assert.equal(JSON.parse((await old.take()).slice(2))[1], 2);
    assert.equal(await old.take(), '41');
  });
}
