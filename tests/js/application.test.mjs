// What an application's callbacks see and decide, through tests/support/testd and the eyes of real clients.
import assert from 'node:assert/strict';
import { connect, connectOnly, connectV1, refusalStatus, startTestd, test } from './support.mjs';

const opened = (testd, server = 0) => testd.event('open', (event) => event.server === server);

test('on_connect sees everything about the handshake', async (t) => {
  const testd = await startTestd(t);
  await connect(t, testd.url('/chat/?room=dev&x=a%26b&x=2&empty=&token=s%20t'), [], {
    headers: {
      Cookie: 'session=abc; theme=dark',
      Authorization: `Basic ${Buffer.from('ann:pa:ss').toString('base64')}`,
      Origin: `http://127.0.0.1:${testd.servers[0].port}`,
      'User-Agent': 'test/1',
    },
  });
  const event = await testd.event('connect');
  assert.equal(event.path.replace(/\/$/, ''), '/chat');
  assert.equal(event.query.room, 'dev');
  assert.equal(event.query.empty, '');
  assert.deepEqual(event.cookies, { session: 'abc', theme: 'dark' });
  assert.equal(event.headers['user-agent'], 'test/1');
  assert.equal(event.headers.host, `127.0.0.1:${testd.servers[0].port}`);
  assert.equal(event.origin, `http://127.0.0.1:${testd.servers[0].port}`);
  assert.equal(event.address, '127.0.0.1');
  assert.equal(event.secure, 0);
  assert.equal(event.room, 'dev');
  assert.equal(event.token, 's t');
  assert.equal(event.user_name, 'ann');
  assert.equal(event.password, 'pa:ss');
  assert.equal(event.protocol, 1);
  assert.equal(event.transport, 1);
});

test('a bearer token, and no token', async (t) => {
  const testd = await startTestd(t);
  await connect(t, testd.url('/chat.v1'), [], { headers: { Authorization: 'Bearer abc.def' } });
  const bearer = await testd.event('connect');
  assert.deepEqual([bearer.token, bearer.user_name, bearer.protocol], ['abc.def', '', 2]);
  await connect(t, testd.url('/chat'));
  const none = await testd.event('connect');
  assert.deepEqual([none.token, none.user_name, none.password, none.origin, none.room], ['', '', '', '', 'lobby']);
});

test('the order of a life: connect, open, join, message, leave, disconnect', async (t) => {
  const testd = await startTestd(t);
  const ann = await connect(t, testd.url());
  ann.send('hello');
  await ann.take();
  await ann.close(4001, 'bye now');
  const last = await testd.event('disconnect');
  const before = testd.seen().map(({ type }) => type).filter((type) => /^(connect|open|join|message|leave)$/.test(type));
  assert.deepEqual(before, ['connect', 'open', 'join', 'message', 'leave']);
  assert.equal(last.close_code, 4001);
  assert.equal(last.reason, 'bye now');
});

test('a client that vanishes is reported as 1006', async (t) => {
  const testd = await startTestd(t);
  const ann = await connect(t, testd.url());
  await opened(testd);
  ann.socket.terminate();
  assert.equal((await testd.event('disconnect')).close_code, 1006);
});

test('refused at once: 403', async (t) => {
  const testd = await startTestd(t);
  assert.equal(await refusalStatus(t, testd.url('/chat?mode=refuse&reason=no')), 403);
  assert.equal(await refusalStatus(t, testd.url('/chat.v1?mode=refuse')), 403);
  assert.equal(await refusalStatus(t, testd.url('/chat?mode=refuse-inside&reason=no')), 403);
  const after = await connect(t, testd.url());
  after.send('still open for others');
  assert.equal(await after.take(), 'still open for others');
  assert.equal(testd.seen().some((event) => event.type === 'disconnect'), false);
});

test('accepted in the callback, with an identity', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd, '?mode=accept-inside&user_id=u-1&name=Ann');
  assert.equal(ann.welcome.name, 'Ann');
  const event = await opened(testd);
  assert.deepEqual([event.name, event.user_id, event.client], ['Ann', 'u-1', ann.welcome.id]);
  const set = await connectV1(t, testd, '?user_id=u-2&name=Bob');
  assert.equal(set.welcome.name, 'Bob');
});

test('deferred and accepted: what was said meanwhile is heard then', async (t) => {
  const testd = await startTestd(t);
  const bob = await connectV1(t, testd);
  const ann = await connectOnly(t, testd.url('/chat.v1?mode=defer'));
  const { client } = await testd.event('connect', (event) => event.query.mode === 'defer');
  ann.sendJson({ type: 'send', text: 'early', ref: 1 });
  bob.sendJson({ type: 'send', text: 'before Ann', ref: 1 });
  await bob.takeType('ack');
  assert.deepEqual(ann.messages.waiting, []);

  const result = await testd.command('accept', 0, client, 'u-1', 'Ann');
  assert.equal(result.error, 'OK');
  const welcome = await ann.takeJson();
  assert.deepEqual([welcome.type, welcome.name, welcome.seq], ['welcome', 'Ann', 1]);
  assert.equal((await ann.takeType('message')).text, 'early');
  assert.equal((await testd.command('accept', 0, client, 'u-1', 'Ann')).error, 'ERROR_WRONG_STATE');
  assert.equal((await testd.command('refuse', 0, client, 'late')).error, 'ERROR_WRONG_STATE');
});

test('deferred and refused: closed with 1008 and the reason', async (t) => {
  const testd = await startTestd(t);
  for (const address of ['/chat', '/chat.v1']) {
    const ann = await connectOnly(t, testd.url(`${address}?mode=defer`));
    const { client } = await testd.event('connect');
    assert.equal((await testd.command('refuse', 0, client, 'not today')).error, 'OK');
    assert.deepEqual(await ann.closed, { code: 1008, reason: 'not today' });
  }
  assert.equal(testd.seen().some((event) => event.type === 'open'), false);
});

test('no verdict in time is a refusal', async (t) => {
  const testd = await startTestd(t, ['verdict_timeout_ms=200']);
  const ann = await connectOnly(t, testd.url('/chat?mode=defer'));
  const { client } = await testd.event('connect');
  assert.equal((await ann.closed).code, 1008);
  assert.match((await testd.command('accept', 0, client, 'u', 'n')).error, /^ERROR_(NO_SUCH_CLIENT|WRONG_STATE)$/);
});

test('a client that leaves while it waits', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectOnly(t, testd.url('/chat?mode=defer'));
  const { client } = await testd.event('connect');
  ann.socket.terminate();
  await testd.event('abandon', (event) => event.client === client);
  assert.equal((await testd.command('accept', 0, client, 'u', 'n')).error, 'ERROR_NO_SUCH_CLIENT');
  let stats;
  do {
    await testd.command('stats', 0);
    stats = await testd.event('stats');
  } while (stats.clients_now > 0 || stats.connections_now > 0);
});

test('what is sent in on_connect comes behind the acceptance', async (t) => {
  const testd = await startTestd(t);
  const ann = await connect(t, testd.url('/chat.v1?hello=hi%20there'));
  assert.equal((await ann.takeJson()).type, 'welcome');
  assert.equal((await ann.takeType('message')).text, 'hi there');
  const plain = await connect(t, testd.url('/chat?hello=hi%20there'));
  assert.equal(await plain.take(), 'hi there');
});

test('on_authorize refuses joins, messages, history, lists and names', async (t) => {
  const testd = await startTestd(t);
  assert.equal(await refusalStatus(t, testd.url('/chat?room=closed-1')), 403);
  const ann = await connectV1(t, testd, '?room=quiet');
  const refused = async (request, reason) => {
    const error = await ann.request({ ...request, ref: reason }, 'error');
    assert.deepEqual([error.code, error.reason], ['forbidden', reason]);
  };
  await refused({ type: 'join', room: 'closed-2' }, 'this room is closed');
  await refused({ type: 'send', text: 'x' }, 'quiet, please');
  await refused({ type: 'name', name: 'Admin' }, 'not that name');
  await ann.request({ type: 'join', room: 'secret', ref: 1 }, 'joined');
  await refused({ type: 'history', room: 'secret' }, 'that is secret');
  await refused({ type: 'members', room: 'secret' }, 'that is secret');
  assert.equal((await ann.request({ type: 'members', room: 'quiet', ref: 2 }, 'members')).members.length, 1);
  assert.equal((await ann.request({ type: 'rooms', ref: 3 }, 'rooms')).rooms.length, 2);
  const asked = testd.seen().filter((event) => event.type === 'authorize');
  assert.ok(asked.some((event) => event.action === 2 && event.value === 'chat message' && event.room === 'quiet'));
  assert.ok(asked.some((event) => event.action === 6 && event.value === 'Admin' && event.room === ''));
});

test('on_message sees what was said', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd);
  const plain = await connect(t, testd.url());
  ann.send('{"type":"send","event":"e","args":[ 1,{"_placeholder":true,"num":0}],"attachments":["AAEC"],'
    + '"attributes":{"k":"v"},"ref":1}');
  const list = await testd.event('message');
  assert.deepEqual(
    [list.client, list.from, list.room, list.event, list.payload, list.data, list.attachments, list.attributes, list.seq],
    [ann.welcome.id, ann.welcome.id, 'lobby', 'e', 'args', '[ 1,{"_placeholder":true,"num":0}]', ['000102'], { k: 'v' }, 0],
  );
  assert.notEqual(list.ack_id, '0');
  plain.send(Buffer.from([1, 0, 255]));
  const binary = await testd.event('message');
  assert.deepEqual([binary.payload, binary.ack_id, binary.data], ['binary', '0', '0100ff']);
  plain.send('text\u0000');
  const text = await testd.event('message');
  assert.deepEqual([text.payload, text.data, text.event], ['text', 'text\u0000', 'chat message']);
});

test('on_message refuses, consumes and replaces', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd);
  const bob = await connect(t, testd.url());
  const error = await ann.request({ type: 'send', text: '!refuse mind your language', ref: 1 }, 'error');
  assert.deepEqual([error.code, error.reason], ['forbidden', 'mind your language']);
  // Nobody hears it, and only the application can answer it.
  ann.sendJson({ type: 'send', text: '!consume', ref: 2 });
  const ack = await ann.request({ type: 'send', text: '!replace kinder words', ref: 3 }, 'ack');
  assert.equal(ack.seq, 1);
  assert.deepEqual(ann.messages.waiting.filter((text) => text.includes('"ref":2')), []);
  const heard = await ann.takeType('message');
  assert.deepEqual([heard.text, heard.from.id, heard.seq], ['kinder words', ann.welcome.id, 1]);
  assert.equal(await bob.take(), 'kinder words');
});

test('acknowledgements from the application, at once and later', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd);
  ann.send('{"type":"send","event":"question","args":[1.0,{"_placeholder":true,"num":0}],"attachments":["AAEC"],"ref":"q"}');
  assert.equal(await ann.take(), '{"type":"ack","ref":"q","args":[1.0,{"_placeholder":true,"num":0}],"attachments":["AAEC"]}');

  ann.sendJson({ type: 'send', event: 'question-later', args: [], ref: 'l' });
  const { client, ack_id: ackId } = await testd.event('message', (event) => event.event === 'question-later');
  assert.equal((await testd.command('reply', 0, client, ackId, '[42]')).error, 'OK');
  assert.deepEqual(await ann.takeJson(), { type: 'ack', ref: 'l', args: [42] });
  // Once: whatever a second answer returns, it is not sent.
  await testd.command('reply', 0, client, ackId, '[43]');
  await ann.flushed();
  assert.deepEqual(ann.messages.waiting, []);

  ann.sendJson({ type: 'send', event: 'question-later', args: [] });
  assert.equal((await testd.event('message', (event) => event.event === 'question-later')).ack_id, '0');
});

test('what a callback publishes comes after its message, and does not call it again', async (t) => {
  const testd = await startTestd(t, ['threads=2']);
  const ann = await connect(t, testd.url());
  const bob = await connect(t, testd.url());
  ann.send('!publish 3');
  for (const client of [ann, bob]) {
    assert.equal(await client.take(), '!publish 3');
    for (let i = 1; i <= 3; i += 1) assert.equal(await client.take(), `published ${i}`);
  }
  ann.send('next');
  await testd.event('message', ({ data }) => data === 'next');
  assert.deepEqual(testd.seen().filter(({ type, data }) => type === 'message' && data.startsWith('published')), []);
});

test('kick, leave and stop from inside a callback', async (t) => {
  const testd = await startTestd(t);
  const kicked = await connect(t, testd.url());
  const other = await connect(t, testd.url());
  kicked.send('!kick out you go');
  assert.deepEqual(await kicked.closed, { code: 1008, reason: 'out you go' });
  assert.equal(await kicked.take().catch(() => null), '!kick out you go');
  assert.equal(await other.take(), '!kick out you go');

  const ann = await connectV1(t, testd);
  ann.sendJson({ type: 'send', text: '!leave', ref: 1 });
  assert.equal((await ann.takeType('left')).room, 'lobby');
  assert.equal((await ann.request({ type: 'send', text: 'x', ref: 2 }, 'error')).code, 'not_joined');
  await ann.request({ type: 'join', room: 'dev', ref: 3 }, 'joined');
  ann.sendJson({ type: 'send', room: 'dev', text: '!join third', ref: 4 });
  const joined = await ann.takeType('joined', ({ room }) => room === 'third');
  assert.equal('ref' in joined, false);

  ann.sendJson({ type: 'send', room: 'dev', text: '!free' });
  assert.equal((await testd.event('result', (event) => event.command === '!free')).error, 'ERROR_WRONG_THREAD');
  ann.sendJson({ type: 'send', room: 'dev', text: '!stop' });
  assert.equal((await ann.closed).code, 1001);
  assert.equal((await other.closed).code, 1001);
});

test('a ban keeps a guest of that address out, and ends', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd, '?room=dev');
  ann.sendJson({ type: 'send', text: '!ban 3600000', ref: 1 });
  assert.deepEqual(await ann.takeType('left'), { type: 'left', room: 'dev', reason: 'banned for a while' });
  const refused = await ann.request({ type: 'join', room: 'dev', ref: 2 }, 'error');
  assert.equal(refused.code, 'banned');
  assert.equal(await refusalStatus(t, testd.url('/chat?room=dev')), 403);
  assert.equal((await testd.command('ban', 0, ann.welcome.id, 'dev', 0, '')).error, 'OK');
  await ann.request({ type: 'join', room: 'dev', ref: 3 }, 'joined');

  const bob = await connectV1(t, testd, '?room=dev&user_id=u-9&name=Bob');
  assert.equal((await testd.command('ban-user', 0, 'u-9', 'dev', 3600000, 'enough')).error, 'OK');
  assert.equal((await bob.takeType('left')).reason, 'enough');
  assert.equal(await refusalStatus(t, testd.url('/chat?room=dev&user_id=u-9')), 403);
  await connect(t, testd.url('/chat?room=dev&user_id=u-8'));
});

test('close of a room', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd, '?room=dev');
  const bob = await connectV1(t, testd, '?room=dev');
  ann.sendJson({ type: 'send', text: '!close-room over' });
  for (const client of [ann, bob]) {
    assert.equal((await client.takeType('message')).text, '!close-room over');
    assert.equal((await client.takeType('left')).reason, 'over');
  }
  assert.equal((await testd.command('close-room', 0, 'never', '')).error, 'ERROR_NO_SUCH_ROOM');
});

test('broadcast, publish, send and send to a user from another thread', async (t) => {
  const testd = await startTestd(t, ['threads=2']);
  const ann = await connectV1(t, testd, '?user_id=u-1&name=Ann');
  const phone = await connectV1(t, testd, '?user_id=u-1&name=Ann&room=dev');
  const bob = await connectV1(t, testd, '?room=dev');
  const clients = [ann, phone, bob];

  await testd.command('broadcast', 0, 'lobby', 'to the lobby');
  const lobby = await ann.takeJson();
  assert.deepEqual([lobby.text, lobby.seq, lobby.from?.id, lobby.room], ['to the lobby', 1, undefined, 'lobby']);

  await testd.command('broadcast', 0, null, 'to everyone');
  for (const client of clients) {
    const heard = await client.takeJson();
    assert.deepEqual([heard.text, 'room' in heard, 'seq' in heard, heard.ephemeral], ['to everyone', false, false, true]);
  }

  await testd.command('send-user', 0, 'u-1', 'to Ann');
  assert.equal((await ann.takeJson()).text, 'to Ann');
  assert.equal((await phone.takeJson()).text, 'to Ann');
  await testd.command('send', 0, bob.welcome.id, 'to Bob');
  const toBob = await bob.takeJson();
  assert.deepEqual([toBob.text, toBob.room, 'seq' in toBob], ['to Bob', 'dev', false]);
  assert.equal((await testd.command('send', 0, '999999', 'x')).error, 'ERROR_NO_SUCH_CLIENT');
  assert.equal((await testd.command('send-user', 0, 'nobody', 'x')).error, 'ERROR_NO_SUCH_CLIENT');

  await testd.command('publish', 0, 'dev', 'score', '[3, 2]', `except:${bob.welcome.id}`, 'name:referee');
  const score = await phone.takeJson();
  assert.deepEqual([score.event, score.args, score.from.name, score.seq], ['score', [3, 2], 'referee', 1]);
  await testd.command('publish', 0, 'dev', 'tick', '[1]', 'ephemeral', `from:${phone.welcome.id}`);
  const tick = await bob.takeJson();
  assert.deepEqual([tick.event, tick.ephemeral, tick.from.id], ['tick', true, phone.welcome.id]);
  for (const [room, event, args, error] of [
    ['dev', 'connect', '[]', 'ERROR_INVALID_EVENT'],
    ['dev', 'e', '{}', 'ERROR_INVALID_JSON'],
    ['dev', 'e', '[1', 'ERROR_INVALID_JSON'],
    ['a/b', 'e', '[]', 'ERROR_INVALID_ROOM'],
  ]) {
    assert.equal((await testd.command('publish', 0, room, event, args)).error, error);
  }
});

test('join, leave, kick, identity and introspection from another thread', async (t) => {
  const testd = await startTestd(t, ['threads=2']);
  const ann = await connectV1(t, testd);
  const { id } = ann.welcome;
  await testd.command('join', 0, id, 'dev');
  const joined = await ann.takeType('joined');
  assert.deepEqual([joined.room, 'ref' in joined], ['dev', false]);
  await testd.command('broadcast', 0, 'dev', 'x');
  assert.equal((await ann.takeJson()).room, 'dev');
  await testd.command('identity', 0, id, 'u-1', 'Ann');
  assert.deepEqual(await ann.takeType('named'), { type: 'named', name: 'Ann' });

  await testd.command('info', 0, id);
  const info = await testd.event('client');
  assert.deepEqual([info.client, info.name, info.user_id, info.address], [id, 'Ann', 'u-1', '127.0.0.1']);
  assert.deepEqual([info.rooms.sort(), info.protocol, info.transport], [['dev', 'lobby'], 2, 1]);
  await testd.command('members', 0, 'dev');
  assert.equal((await testd.event('client')).client, id);
  await testd.command('history', 0, 'dev', 0, 0);
  assert.equal((await testd.event('kept')).data, 'x');
  await testd.command('rooms', 0);
  const dev = await testd.event('room', (event) => event.name === 'dev');
  assert.deepEqual([dev.members, dev.history, dev.seq], [1, 1, 1]);
  await testd.command('stats', 0);
  const stats = await testd.event('stats');
  assert.deepEqual([stats.clients_now, stats.chat_v1_now, stats.plain_now, stats.messages_published], [1, 1, 0, 1]);
  assert.equal((await testd.command('members', 0, 'nowhere')).error, 'ERROR_NO_SUCH_ROOM');

  await testd.command('leave', 0, id, 'dev');
  assert.equal((await ann.takeType('left')).room, 'dev');
  assert.equal((await testd.command('leave', 0, id, 'dev')).error, 'ERROR_NOT_JOINED');
  await testd.command('kick', 0, id, 'good bye');
  assert.deepEqual(await ann.closed, { code: 1008, reason: 'good bye' });
  const gone = await testd.event('disconnect');
  assert.deepEqual([gone.client, gone.close_code], [id, 1008]);
  assert.equal((await testd.command('kick', 0, id, 'again')).error, 'ERROR_NO_SUCH_CLIENT');
});

test('a slow callback is told to the log', async (t) => {
  const testd = await startTestd(t, ['slow_callback_ms=20']);
  const ann = await connect(t, testd.url());
  ann.send('!stall 100');
  const log = await testd.event('log', (event) => /on_message/.test(event.text));
  assert.equal(log.level, 2);
  assert.equal(await ann.take(), '!stall 100');
});

test('behind a trusted proxy the address and the scheme are those of the client', async (t) => {
  const headers = { 'X-Forwarded-For': '192.0.2.7, 198.51.100.9', 'X-Forwarded-Proto': 'https' };
  const trusting = await startTestd(t, ['trusted_proxy=127.0.0.0/8']);
  await connect(t, trusting.url(), [], { headers });
  const believed = await trusting.event('connect');
  // The last entry is what the trusted proxy itself saw; what stands before it could be anybody's invention.
  assert.deepEqual([believed.address, believed.secure], ['198.51.100.9', 1]);

  const wary = await startTestd(t, ['trusted_proxy=192.0.2.1']);
  await connect(t, wary.url(), [], { headers });
  const ignored = await wary.event('connect');
  assert.deepEqual([ignored.address, ignored.secure], ['127.0.0.1', 0]);
});

for (const threads of [1, 2]) {
  test(`two servers in one process with ${threads} threads each do not hear one another`, async (t) => {
    const testd = await startTestd(t, ['servers=2', `threads=${threads}`]);
    const [first, second] = testd.servers;
    assert.notEqual(first.port, second.port);
    const ann = await connect(t, first.url());
    const bob = await connect(t, second.url());
    ann.send('in the first');
    bob.send('in the second');
    assert.equal(await ann.take(), 'in the first');
    assert.equal(await bob.take(), 'in the second');
    // One ends, the other goes on.
    await testd.command('free', 0);
    assert.equal((await ann.closed).code, 1001);
    bob.send('alone');
    assert.equal(await bob.take(), 'alone');
  });
}

test('driven by the host: threads = 0, two of them in one poll loop', async (t) => {
  const testd = await startTestd(t, ['threads=0', 'servers=2']);
  for (const server of testd.servers) {
    const ann = await connect(t, server.url());
    const bob = await connectV1(t, server);
    ann.send('hello');
    assert.equal(await ann.take(), 'hello');
    assert.equal((await bob.takeJson()).text, 'hello');
  }
  await testd.command('stop', 1);
  assert.equal((await testd.event('result', (event) => event.command === 'stopped')).error, 'OK');
});

for (const callback of ['on_connect', 'on_open', 'on_join', 'on_authorize', 'on_message', 'on_leave', 'on_disconnect']) {
  for (const threads of [0, 2]) {
    test(`stopped from inside ${callback} with ${threads} threads`, async (t) => {
      const testd = await startTestd(t, [`stop_in=${callback}`, `threads=${threads}`]);
      const ann = await connectOnly(t, testd.url()).catch(() => null);
      if (ann === null) return; // stopped before it was open
      ann.send('x');
      if (callback === 'on_leave' || callback === 'on_disconnect') {
        await ann.close();
        await testd.event('disconnect');
      } else {
        assert.equal((await ann.closed).code, 1001);
      }
    });
  }
}
