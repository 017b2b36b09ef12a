// Verdicts on joins and messages that the application gives later: the client's order stays, what waits is bounded, and
// nothing is lost with its connection.
import assert from 'node:assert/strict';
import { PollingSession, startApplication, testLibchat } from './socket_io_support.mjs';
import { connectOnly, connectV1, startTestd, test } from './support.mjs';

const saying = (data) => (event) => event.data === data;

async function decide(testd, { client, decision_id }, ...words) {
  const { error } = await testd.command('decide', 0, client, decision_id, ...words);
  return error;
}

for (const threads of [0, 1, 2]) {
  test(`a message waits for its verdict, and what the client says next behind it, threads=${threads}`, async (t) => {
    const testd = await startTestd(t, [`threads=${threads}`]);
    const ann = await connectV1(t, testd);
    const bob = await connectV1(t, testd);
    ann.sendJson({ type: 'send', text: '!defer', ref: 1 });
    ann.sendJson({ type: 'send', text: 'second', ref: 2 });
    ann.sendJson({ type: 'history', ref: 3 });
    ann.sendJson({ type: 'ping', ref: 4 }); // that somebody is there is said at once
    assert.equal((await ann.takeJson()).type, 'pong');
    const event = await testd.event('message', saying('!defer'));
    bob.sendJson({ type: 'send', text: 'meanwhile' });
    assert.equal((await bob.takeType('message')).text, 'meanwhile');
    assert.deepEqual(testd.seen().filter(saying('second')), []);

    assert.equal(await decide(testd, event, 'pass'), 'OK');
    assert.deepEqual([(await bob.takeJson()).text, (await bob.takeJson()).text], ['!defer', 'second']);
    assert.equal((await ann.takeJson()).text, 'meanwhile');
    assert.deepEqual(await ann.takeType('ack', ({ ref }) => ref === 1), { type: 'ack', ref: 1, seq: 2, epoch: ann.welcome.epoch });
    assert.equal((await ann.takeType('ack', ({ ref }) => ref === 2)).seq, 3);
    assert.deepEqual((await ann.takeType('history')).messages.map(({ text }) => text), ['meanwhile', '!defer', 'second']);
  });
}

test('refused, replaced, consumed and answered later', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd);
  const ask = async (ref) => {
    ann.sendJson({ type: 'send', text: '!defer', ref });
    return testd.event('message', saying('!defer'));
  };
  await decide(testd, await ask('a'), 'refuse', 'not now');
  assert.deepEqual(await ann.takeJson(), { type: 'error', ref: 'a', code: 'forbidden', reason: 'not now' });
  await decide(testd, await ask('b'), 'pass', '-', 'something else');
  const [first, second] = [await ann.takeJson(), await ann.takeJson()].sort((x, y) => (x.type < y.type ? -1 : 1));
  assert.deepEqual([first.ref, second.text], ['b', 'something else']);
  const event = await ask('c');
  assert.equal(await decide(testd, event, 'consume'), 'OK');
  await testd.command('reply', 0, event.client, event.ack_id, '["later"]');
  assert.deepEqual(await ann.takeJson(), { type: 'ack', ref: 'c', args: ['later'] });
});

test('what is wrong with a verdict is said', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd);
  ann.sendJson({ type: 'send', text: '!defer' });
  const event = await testd.event('message');
  assert.equal(await decide(testd, { ...event, decision_id: '999999' }, 'pass'), 'ERROR_WRONG_STATE');
  assert.equal(await decide(testd, { ...event, client: '77' }, 'pass'), 'ERROR_NO_SUCH_CLIENT');
  assert.equal(await decide(testd, event, 'refuse', '-', 'replacement'), 'ERROR_INVALID_ARGUMENT');
  assert.equal(await decide(testd, event, 'refuse', 'x'.repeat(200)), 'ERROR_TOO_LARGE');
  assert.equal(await decide(testd, event, 'pass'), 'OK');
  assert.equal(await decide(testd, event, 'pass'), 'ERROR_WRONG_STATE');
  ann.sendJson({ type: 'join', room: 'deferred' });
  const join = await testd.event('authorize', ({ room }) => room === 'deferred');
  assert.equal(await decide(testd, join, 'consume'), 'ERROR_INVALID_ARGUMENT');
  assert.equal(await decide(testd, join, 'pass', '-', 'replacement'), 'ERROR_INVALID_ARGUMENT');
  assert.equal(await decide(testd, join, 'pass'), 'OK');
  assert.equal((await ann.takeType('joined')).room, 'deferred');
});

test('no verdict in time is a refusal, and the next one has its turn', async (t) => {
  const testd = await startTestd(t, ['verdict_timeout_ms=100']);
  const ann = await connectV1(t, testd);
  ann.sendJson({ type: 'send', text: '!defer', ref: 1 });
  ann.sendJson({ type: 'send', text: 'next', ref: 2 });
  const event = await testd.event('message');
  const error = await ann.takeJson();
  assert.deepEqual([error.ref, error.code, error.reason], [1, 'forbidden', 'no verdict in time']);
  assert.equal((await ann.takeType('message')).text, 'next');
  assert.equal(await decide(testd, event, 'pass'), 'ERROR_WRONG_STATE');
});

test('who may speak is decided later, and then what becomes of it', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd, '?room=judged');
  ann.sendJson({ type: 'send', text: '!defer', ref: 1 });
  const asked = await testd.event('authorize', ({ action }) => action === 2);
  assert.deepEqual(testd.seen().filter(({ type }) => type === 'message'), []);
  assert.equal(await decide(testd, asked, 'pass'), 'OK');
  const event = await testd.event('message');
  assert.notEqual(event.decision_id, asked.decision_id);
  assert.equal(await decide(testd, event, 'pass'), 'OK');
  assert.equal((await ann.takeType('message')).text, '!defer');
  ann.sendJson({ type: 'send', text: 'no', ref: 2 });
  await decide(testd, await testd.event('authorize', ({ action }) => action === 2), 'refuse', 'quiet');
  assert.equal((await ann.takeType('error')).reason, 'quiet');
});

test('the first room of a WebSocket is decided on later', async (t) => {
  const testd = await startTestd(t);
  for (const path of ['/chat', '/chat.v1']) {
    const ann = await connectOnly(t, testd.url(`${path}?room=deferred`));
    ann.send(path === '/chat' ? 'early' : '{"type":"send","text":"early"}');
    const join = await testd.event('authorize', ({ action }) => action === 1);
    assert.deepEqual(testd.seen().filter(({ type, data }) => type === 'open' || data === 'early'), []);
    assert.equal(await decide(testd, join, 'pass'), 'OK');
    await testd.event('open');
    await testd.event('message', saying('early'));
    await ann.close(1000);
    await testd.event('disconnect');

    const bob = await connectOnly(t, testd.url(`${path}?room=deferred`));
    await decide(testd, await testd.event('authorize', ({ action }) => action === 1), 'refuse', 'full');
    assert.deepEqual(await bob.closed, { code: 1008, reason: 'full' });
  }
});

test('the first room of a WebSocket is not decided on in time', async (t) => {
  const testd = await startTestd(t, ['verdict_timeout_ms=100']);
  const ann = await connectOnly(t, testd.url('/chat.v1?room=deferred'));
  assert.deepEqual(await ann.closed, { code: 1008, reason: 'no verdict in time' });
});

test('both the connection and its room are decided on later', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectOnly(t, testd.url('/chat.v1?room=deferred&mode=defer'));
  const { client } = await testd.event('connect');
  await testd.command('accept', 0, client, 'u1', 'Ann');
  const join = await testd.event('authorize', ({ action }) => action === 1);
  assert.equal(await decide(testd, join, 'pass'), 'OK');
  assert.equal((await ann.takeJson()).name, 'Ann');
});

for (const threads of [1, 2]) {
  test(`what was said before the connection ended is decided on all the same, threads=${threads}`, async (t) => {
    const testd = await startTestd(t, [`threads=${threads}`]);
    const bob = await connectV1(t, testd);
    for (const end of ['close', 'terminate']) {
      const ann = await connectV1(t, testd);
      ann.sendJson({ type: 'send', text: '!defer' });
      ann.sendJson({ type: 'send', text: 'last words' });
      const event = await testd.event('message', saying('!defer'));
      await ann.flushed();
      ann.socket[end]();
      await ann.closed;
      assert.equal(await decide(testd, event, 'pass'), 'OK');
      assert.deepEqual([(await bob.takeJson()).text, (await bob.takeJson()).text], ['!defer', 'last words']);
      const { client } = await testd.event('disconnect');
      assert.equal(client, event.client);
      assert.equal(testd.seen().filter(({ type }) => type === 'disconnect').length, 0);
    }
  });
}

test('who is gone without a verdict is let go in time', async (t) => {
  const testd = await startTestd(t, ['verdict_timeout_ms=200']);
  const ann = await connectV1(t, testd);
  ann.sendJson({ type: 'send', text: '!defer' });
  const event = await testd.event('message');
  ann.socket.terminate();
  await testd.event('disconnect');
  assert.equal(await decide(testd, event, 'pass'), 'ERROR_NO_SUCH_CLIENT');
});

test('who is thrown out says no more', async (t) => {
  const testd = await startTestd(t);
  const bob = await connectV1(t, testd);
  const ann = await connectV1(t, testd);
  ann.sendJson({ type: 'send', text: '!defer' });
  ann.sendJson({ type: 'send', text: 'and more' });
  const event = await testd.event('message', saying('!defer'));
  await testd.command('kick', 0, event.client, 'enough');
  assert.deepEqual(await ann.closed, { code: 1008, reason: 'enough' });
  await testd.event('disconnect');
  assert.equal(await decide(testd, event, 'pass'), 'ERROR_NO_SUCH_CLIENT');
  bob.sendJson({ type: 'send', text: 'end' });
  assert.equal((await bob.takeType('message')).text, 'end');
});

test('who was put out of the room meanwhile is not heard there', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd);
  ann.sendJson({ type: 'send', text: '!defer', ref: 1 });
  const event = await testd.event('message');
  await testd.command('leave', 0, event.client, 'lobby');
  await ann.takeType('left');
  await decide(testd, event, 'pass');
  assert.equal((await ann.takeType('error')).ref, 1);
});

test('a client with much to say waits, and loses nothing', async (t) => {
  const testd = await startTestd(t, ['inbound_rate=-1']);
  const bob = await connectV1(t, testd);
  const ann = await connectV1(t, testd);
  const count = 5_000;
  ann.sendJson({ type: 'send', text: '!defer' });
  for (let i = 0; i < count; i += 1) ann.sendJson({ type: 'send', text: `${i}`, ref: i });
  const event = await testd.event('message');
  assert.equal(await decide(testd, event, 'pass'), 'OK');
  assert.equal((await bob.takeJson()).text, '!defer');
  for (let i = 0; i < count; i += 1) assert.equal((await bob.takeJson()).text, `${i}`);
});

test('stopping does not wait for verdicts for ever', async (t) => {
  const testd = await startTestd(t, ['drain_timeout_ms=300']);
  const ann = await connectV1(t, testd);
  ann.sendJson({ type: 'send', text: '!defer' });
  await testd.event('message');
  assert.equal((await testd.command('free', 0)).error, 'OK');
  assert.equal((await testd.event('disconnect')).close_code, 1001);
});

// Socket.IO ------------------------------------------------------------------------------------------------------------

testLibchat('the room of a namespace is decided on later', async (t) => {
  const server = await startApplication(t, 'libchat', {});
  const session = await PollingSession.open(server);
  const testd = server.program;
  await session.post('40/deferred,');
  const join = await testd.event('authorize', ({ action }) => action === 1);
  await session.post('40/other,');
  await testd.event('authorize', ({ room }) => room === 'other');
  assert.equal(await decide(testd, join, 'pass'), 'OK');
  const answers = [await session.take(), await session.take()];
  assert.deepEqual(answers.map((text) => text.replace(/"sid.*/, '')), ['40/other,{', '40/deferred,{']);
  await session.post('40/deferred2,');
  await decide(testd, await testd.event('authorize', ({ room }) => room === 'deferred2'), 'refuse', 'no');
  assert.equal(await session.take(), '44/deferred2,{"message":"Invalid namespace"}');
});

testLibchat('a polling client with a message that waits goes on polling, and is acknowledged', async (t) => {
  const server = await startApplication(t, 'libchat', {});
  const session = await PollingSession.open(server);
  await session.connect();
  const testd = server.program;
  await session.post('421["chat message","!defer"]');
  const event = await testd.event('message', saying('!defer'));
  await session.post('422["chat message","next"]');
  await decide(testd, event, 'pass');
  const said = [];
  while (said.length < 4) {
    const packet = await session.take();
    if (/^4[23]/.test(packet)) said.push(packet.match(/^43\d|!defer|next/)[0]);
  }
  assert.deepEqual(said, ['!defer', '431', 'next', '432']);
});

// The verdict comes before, in or after the move of the session to its WebSocket's loop.
for (const skipped of [0, 1]) {
  testLibchat(`a session moves with a message that waits, ${skipped} connections between`, async (t) => {
    const server = await startApplication(t, 'libchat', { threads: 2 });
    const testd = server.program;
    for (let round = 0; round < 10; round += 1) {
      const session = await PollingSession.open(server);
      await session.connect();
      await session.post('421["chat message","!defer"]');
      await session.post('422["chat message","next"]');
      const event = await testd.event('message', saying('!defer'));
      for (let i = 0; i < skipped; i += 1) await fetch(server.http('/healthz'), { headers: { connection: 'close' } });
      const socket = session.websocket(t);
      await socket.opened();
      socket.send('2probe');
      assert.equal(await socket.take(), '3probe');
      socket.send('5');
      if (round % 2 === 0) await socket.flushed();
      assert.equal(await decide(testd, event, 'pass'), 'OK');
      const acks = [await socket.take((text) => text.startsWith('43')), await socket.take((text) => text.startsWith('43'))];
      assert.deepEqual(acks.map((text) => text.slice(0, 3)), ['431', '432']);
      await socket.close(1000);
    }
  });
}
