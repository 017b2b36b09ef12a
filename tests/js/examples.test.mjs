// Each example is run as a reader would run it, and talked to.
import assert from 'node:assert/strict';
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
