// Each example is run as a reader would run it, and talked to.
import assert from 'node:assert/strict';
import { SocketIoClient, connectSocketIo } from './socket_io_support.mjs';
import { connect, connectOnly, connectV1, Program, startExample, test } from './support.mjs';

test('broadcast: says who came, what was said, who left', async (t) => {
  const example = await startExample(t, 'broadcast');
  const ann = await connect(t, example.url());
  const bob = await connectV1(t, example);
  assert.match(await example.stdout.take(), /^\S+ has come to lobby$/);
  assert.match(await example.stdout.take(), new RegExp(`^${bob.welcome.name} has come to lobby$`));
  bob.sendJson({ type: 'send', text: 'hello' });
  assert.equal(await ann.take(), 'hello');
  assert.equal(await example.stdout.take(), `${bob.welcome.name} in lobby: hello`);
  await bob.close(1000);
  assert.equal(await example.stdout.take(), `${bob.welcome.name} has gone (1000)`);
  example.kill('SIGINT');
  assert.equal((await ann.closed).code, 1001);
});

test('broadcast: a port that is taken is an error that names it', async (t) => {
  const example = await startExample(t, 'broadcast');
  const second = Program.start(t, 'broadcast', [String(example.port)]);
  second.expectedCode = 1;
  assert.equal((await second.exited).code, 1);
  assert.match(second.stderr, new RegExp(`^broadcast: .*${example.port}.*in use`));
});

test('game_loop: the world ticks, moves show in it, and chat is chat', async (t) => {
  const example = await startExample(t, 'game_loop');
  const ann = await connectV1(t, example);
  const bob = await connectV1(t, example);
  const first = await ann.takeType('message', ({ event }) => event === 'world');
  assert.equal(first.ephemeral, true);
  const second = await ann.takeType('message', ({ event }) => event === 'world');
  assert.ok(second.args[0].tick > first.args[0].tick);

  bob.sendJson({ type: 'send', event: 'move', args: [3, -2] });
  bob.sendJson({ type: 'send', event: 'move', args: [1, 1] });
  const here = ({ id, x, y }) => id === bob.welcome.id && x === 4 && y === -1;
  await ann.takeType('message', ({ event, args }) => event === 'world' && args[0].players.some(here));
  const error = await bob.request({ type: 'send', event: 'move', args: ['fast'], ref: 1 }, 'error');
  assert.equal(error.code, 'forbidden');

  bob.sendJson({ type: 'send', text: 'nice game' });
  assert.equal((await ann.takeType('message', ({ event }) => event === 'chat message')).seq, 1);
  await bob.close();
  await ann.takeType('message', ({ event, args }) => event === 'world' && args[0].players.length === 1);
  example.kill('SIGTERM');
  assert.equal((await ann.closed).code, 1001);
});

test('embed_epoll: the timer speaks to everyone beside the chat', async (t) => {
  const example = await startExample(t, 'embed_epoll');
  const ann = await connectV1(t, example);
  const bob = await connect(t, example.url('/chat?room=dev'));
  const time = await ann.takeType('message', ({ event }) => event === 'time');
  assert.match(time.text, /^\d\d:\d\d:\d\d$/);
  assert.equal(time.from.name, 'clock');
  assert.match(await bob.take(), /^\d\d:\d\d:\d\d$/);
  bob.send('hello');
  await bob.take((text) => text === 'hello');
  example.kill('SIGINT');
  assert.equal((await ann.closed).code, 1001);
  assert.equal((await bob.closed).code, 1001);
});

test('authenticate: a known token is welcomed by name, another refused', async (t) => {
  const example = await startExample(t, 'authenticate');
  const ann = await connectV1(t, example, '?token=ann-secret');
  assert.equal(ann.welcome.name, 'Ann');
  const bob = await connectOnly(t, example.url('/chat.v1'), [], { headers: { Authorization: 'Bearer bob-secret' } });
  assert.equal((await bob.takeJson()).name, 'Bob');
  bob.sendJson({ type: 'send', text: 'hello' });
  assert.equal((await ann.takeJson()).from.name, 'Bob');

  for (const address of ['/chat?token=guess', '/chat', '/chat.v1']) {
    const stranger = await connectOnly(t, example.url(address));
    assert.deepEqual(await stranger.closed, { code: 1008, reason: 'unknown token' });
    await assert.rejects(stranger.take());
  }
  // One that waits for its verdict when the end comes.
  const waiting = await connectOnly(t, example.url('/chat?token=ann-secret'));
  example.kill('SIGTERM');
  assert.equal((await waiting.closed).code, 1001);
});

test('socket_io_app: what a Socket.IO server program does, in C', async (t) => {
  const example = await startExample(t, 'socket_io_app');
  const server = { http: (address) => `http://127.0.0.1:${example.port}${address}` };
  const stranger = new SocketIoClient(t, server, { auth: { token: 'guess' } });
  assert.deepEqual(await stranger.state('connect_error'),
    { state: 'connect_error', message: 'unknown token', data: { code: 401 } });

  const enter = async (token, name) => {
    const client = await connectSocketIo(t, server, { auth: { token } });
    const [event, greeted, answer] = await client.next();
    assert.deepEqual([event, greeted], ['welcome', name]);
    return { client, answer };
  };
  const { client: ann, answer } = await enter('ann-secret', 'Ann');
  answer('hello', Buffer.from([1, 2]));
  assert.equal(await example.stdout.take(),
    'the answer: ["hello",{"_placeholder":true,"num":0}], attachments: 1');
  const { client: bob } = await enter('bob-secret', 'Bob');

  assert.deepEqual(await ann.ask('upload', 'a.bin', Buffer.from([1, 2, 3, 4, 5])), [{ size: 5 }, Buffer.from([1, 2, 3, 4])]);
  assert.deepEqual(await ann.ask('upload', 'a.bin'), [{ error: 'forbidden', reason: 'a name and a file are wanted' }]);
  assert.deepEqual(await ann.ask('typing', { draft: 12 }), [{}]);
  assert.deepEqual(await bob.next(), ['typing', { draft: 12 }]);
  assert.equal((await bob.ask('chat message', 'hello'))[0].seq, 1);
  assert.deepEqual(await ann.next(), ['chat message', 'hello']);
  assert.deepEqual(await bob.next(), ['chat message', 'hello']);

  bob.emit('bye');
  assert.equal((await bob.state('disconnect')).reason, 'io server disconnect');
  assert.equal(await example.stdout.take(), 'no answer: no such client');
  assert.equal(await example.stdout.take(), 'Bob has gone: it said bye');
  ann.end();
  assert.match(await example.stdout.take(), /^Ann has gone: (client namespace disconnect|transport close)$/);
});

test('bot: greets, answers commands, and lets the rest be chat', async (t) => {
  const example = await startExample(t, 'bot');
  const ann = await connectV1(t, example);
  assert.equal((await ann.takeType('message')).text, `Welcome, ${ann.welcome.name}. Try /help`);
  const bob = await connect(t, example.url());
  assert.match(await bob.take(), /^Welcome, \S+\. Try \/help$/);
  const came = await ann.takeType('message');
  assert.match(came.text, /^\S+ has come$/);
  assert.equal(came.from.name, 'bot');

  bob.send('/help');
  assert.match(await bob.take(), /\/roll/);
  bob.send('/time');
  assert.match(await bob.take(), /^\d\d:\d\d:\d\d UTC$/);
  bob.send('/nick Bob');
  assert.match(await bob.take(), / is now Bob$/);
  assert.match((await ann.takeType('message')).text, / is now Bob$/);
  ann.sendJson({ type: 'send', text: '/who' });
  assert.deepEqual(new Set((await ann.takeType('message')).text.split(' ').slice(2)), new Set([ann.welcome.name, 'Bob']));
  bob.send('/roll 3');
  assert.equal(await bob.take(), '/roll 3');
  assert.match(await bob.take(), /^Bob throws [123]$/);
  assert.equal((await ann.takeType('message')).text, '/roll 3');
  assert.match((await ann.takeType('message')).text, /^Bob throws [123]$/);

  const unknown = await ann.request({ type: 'send', text: '/dance', ref: 1 }, 'error');
  assert.deepEqual([unknown.code, unknown.reason], ['forbidden', 'no such command']);
  const nameless = await ann.request({ type: 'send', text: '/nick', ref: 2 }, 'error');
  assert.equal(nameless.code, 'forbidden');
  ann.sendJson({ type: 'send', text: 'hello' });
  assert.equal(await bob.take(), 'hello');
  example.kill('SIGINT');
  assert.equal((await ann.closed).code, 1001);
});
