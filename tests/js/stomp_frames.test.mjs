// STOMP as raw frames: what the official clients never send, or do not show.
import assert from 'node:assert/strict';
import { startChatd, startTestd, test } from './support.mjs';
import { connectRaw, frameText, openRaw, versions } from './stomp_support.mjs';

const toA = { destination: '/topic/a' };
const number = (version) => Number(version.slice(2));

// Takes frames until one of this command.
async function takeUntil(raw, command) {
  for (;;) {
    const frame = await raw.take();
    if (frame.command === command) return frame;
    assert.notEqual(frame.command, 'ERROR', frame.header?.message);
  }
}

for (const version of versions) {
  test(`version ${version}: every frame may ask for a receipt`, async (t) => {
    const server = await startChatd(t);
    const raw = await connectRaw(t, server, version);
    await raw.done('SUBSCRIBE', { id: '0', ...toA, ack: 'client' });
    raw.send('SEND', toA, 'x');
    const { header } = await takeUntil(raw, 'MESSAGE');
    const named = {
      '1.0': { 'message-id': header['message-id'] },
      '1.1': { 'message-id': header['message-id'], subscription: '0' },
      '1.2': { id: header.ack },
    }[version];
    assert.equal('ack' in header, version === '1.2');
    for (const [command, headers] of [
      ['SEND', toA],
      ['ACK', named],
      ...version === '1.0' ? [] : [['NACK', named]],
      ['BEGIN', { transaction: 't' }],
      ['SEND', { ...toA, transaction: 't' }],
      ['ACK', { ...named, transaction: 't' }],
      ['COMMIT', { transaction: 't' }],
      ['BEGIN', { transaction: 't' }],
      ['ABORT', { transaction: 't' }],
      ['SUBSCRIBE', { id: '1', destination: '/user/queue/x' }],
      ['UNSUBSCRIBE', { id: '1' }],
      ['UNSUBSCRIBE', { id: '0' }],
      ['DISCONNECT', {}],
    ]) await raw.done(command, headers);
    assert.equal((await raw.closed).code, 1000);
  });

  test(`version ${version}: headers are escaped as it says`, async (t) => {
    const server = await startChatd(t);
    const sender = await connectRaw(t, server, version);
    const readers = {};
    for (const other of versions) {
      readers[other] = await connectRaw(t, server, other);
      await readers[other].done('SUBSCRIBE', { id: 'a:b', ...toA, ...other === '1.0' ? {} : { id: 'a\\cb' } });
    }
    sender.send('SEND', { ...toA, k: '1\\c2\\\\3\\n4' });
    const value = version === '1.0' ? '1\\c2\\\\3\\n4' : '1:2\\3\n4';
    const escaped = value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll(':', '\\c');
    for (const [other, reader] of Object.entries(readers)) {
      const { header } = await takeUntil(reader, 'MESSAGE');
      assert.equal(header.subscription, other === '1.0' ? 'a:b' : 'a\\cb');
      assert.equal(header.k, other === '1.0' ? value.replaceAll('\n', ' ') : escaped);
    }
    // An escape that the version does not define is an error from 1.1 on, and plain text in 1.0.
    sender.send('SEND', { ...toA, k: version === '1.1' ? '\\r' : '\\t', receipt: 'r' });
    const answer = await sender.take();
    assert.equal(answer.command, version === '1.0' ? 'RECEIPT' : 'ERROR');
  });

  test(`version ${version}: bodies`, async (t) => {
    const server = await startChatd(t);
    const raw = await connectRaw(t, server, version);
    await raw.done('SUBSCRIBE', { id: '0', ...toA });
    raw.send('SEND', { ...toA, 'content-length': 5 }, 'a\0b\n\0');
    const message = await takeUntil(raw, 'MESSAGE');
    assert.deepEqual([message.body.toString(), message.header['content-length']], ['a\0b\n\0', '5']);
    // Without the header the first NUL ends it.
    raw.sendText(frameText('SEND', toA, 'one') + frameText('SEND', toA, ''));
    assert.equal((await takeUntil(raw, 'MESSAGE')).body.toString(), 'one');
    assert.equal((await takeUntil(raw, 'MESSAGE')).body.toString(), '');
    // A frame that has none.
    raw.send('BEGIN', { transaction: 't', receipt: 'b' }, 'body');
    assert.equal((await raw.take()).command, number(version) === 0 ? 'RECEIPT' : 'ERROR');
  });
}

test('of repeated headers the first counts', async (t) => {
  const server = await startChatd(t);
  const raw = await connectRaw(t, server);
  raw.send('SUBSCRIBE', [['id', 'first'], ['id', 'second'], ['destination', '/topic/a'], ['destination', '/topic/b'],
    ['receipt', 'r1'], ['receipt', 'r2']]);
  assert.deepEqual((await raw.take()).header, { 'receipt-id': 'r1' });
  raw.send('SEND', [['destination', '/topic/a'], ['destination', '/topic/b'], ['content-length', '2'], ['content-length', '9'],
    ['content-type', 'text/plain'], ['content-type', 'application/json']], 'hi');
  const message = await raw.take();
  assert.deepEqual([message.header.subscription, message.header['content-type'], message.body.toString()], ['first', 'text/plain', 'hi']);
});

test('each limit is answered with ERROR before the close', async (t) => {
  const server = await startTestd(t, ['inbound_burst=2000', 'inbound_rate=2000']);
  const lines = (count, size) => Array.from({ length: count }, (_, i) => [`k${i}`, 'x'.repeat(size)]);
  const cases = {
    'too many headers': frameText('SEND', [...lines(100, 1), ['destination', '/topic/a']]),
    'a line is too long': frameText('SEND', lines(1, 8_200)),
    'the headers are too large': frameText('SEND', lines(3, 6_000)),
    'the body is too large': frameText('SEND', { ...toA, 'content-length': 65_537 }),
    'malformed content-length': frameText('SEND', { ...toA, 'content-length': '-1' }),
    'no NUL behind the body': frameText('SEND', { ...toA, 'content-length': 1 }, 'ab'),
    'a header is not UTF-8': Buffer.from(frameText('SEND', { ...toA, k: '\xff' }), 'latin1'),
    'too many transactions': Array.from({ length: 17 }, (_, i) => frameText('BEGIN', { transaction: `t${i}` })).join(''),
    'too many subscriptions': Array.from({ length: 257 }, (_, i) => frameText('SUBSCRIBE', { id: i, destination: '/user/queue/a' })).join(''),
    'the id is too long': frameText('SUBSCRIBE', { id: 'x'.repeat(257), ...toA }),
    'the client is connected already': frameText('CONNECT', { 'accept-version': '1.2' }),
  };
  for (const [message, bytes] of Object.entries(cases)) {
    const raw = await connectRaw(t, server);
    raw.client.send(bytes, { binary: typeof bytes !== 'string' });
    const error = await raw.take();
    assert.deepEqual([error.command, error.header.message], ['ERROR', message]);
    assert.equal((await raw.closed).code, 1002);
  }
});

// What was queued before it comes first, however much that is.
test('ERROR is flushed before the close', async (t) => {
  const server = await startChatd(t);
  const raw = await connectRaw(t, server);
  await raw.done('SUBSCRIBE', { id: '0', ...toA });
  const body = 'x'.repeat(60_000);
  raw.sendText(frameText('SEND', toA, body));
  raw.sendText(frameText('SEND', toA, body));
  raw.sendText(`${frameText('SEND', toA, body)}NONSENSE\n\n\0`);
  let received = 0;
  for (;;) {
    const frame = await raw.take();
    if (frame.command === 'ERROR') break;
    received += 1;
  }
  assert.ok(received >= 2);
  assert.equal((await raw.closed).code, 1002);
});

test('heart-beats go in both directions, with a margin', async (t) => {
  const server = await startTestd(t, ['stomp_heart_beat_ms=400']);
  // A busy client needs time for its beats.
  const raw = await connectRaw(t, server, '1.2', { 'heart-beat': '2000,400' });
  assert.equal(raw.welcome.header['heart-beat'], '400,400');
  let last = performance.now();
  for (let beats = 0; beats < 3; beats += 1) {
    assert.equal((await raw.take()).command, '\n');
    const now = performance.now();
    assert.ok(now - last >= 150, `after ${now - last} ms`);
    last = now;
    raw.sendText('\r\n');
  }
  // Then this client is silent, while the server goes on.
  const from = performance.now();
  const error = await (async () => {
    for (;;) {
      const frame = await raw.take();
      if (frame.command !== '\n') return frame;
    }
  })();
  assert.deepEqual([error.command, error.header.message], ['ERROR', 'no heart-beat came in time']);
  // On purpose: the margin is a time, and a busy machine only makes it longer.
  assert.ok(performance.now() - from >= 3000);
  assert.equal((await raw.closed).code, 1002);
});

test('prefixes are options', async (t) => {
  const server = await startTestd(t, ['stomp_room_prefix=/room/', 'stomp_application_prefix=/do/', 'stomp_user_queue_prefix=/me/']);
  const raw = await connectRaw(t, server);
  await raw.done('SUBSCRIBE', { id: 'e', destination: '/me/errors' });
  await raw.done('SUBSCRIBE', { id: 'a', destination: '/room/a' });
  raw.send('SEND', { destination: '/room/a' }, 'hi');
  assert.equal((await raw.take()).header.destination, '/room/a');
  await raw.done('SEND', { destination: '/do/add' }, 'x');
  raw.send('SEND', toA, 'nowhere');
  assert.deepEqual(JSON.parse((await raw.take()).body).destination, '/topic/a');
});

// A flooder's frames are all charged: it is read more slowly, and others are served.
test('a flood of frames that are no messages is slowed down', async (t) => {
  const server = await startTestd(t, ['inbound_rate=50', 'inbound_burst=50']);
  const flooder = await connectRaw(t, server);
  const pair = frameText('BEGIN', { transaction: 't' }) + frameText('ABORT', { transaction: 't' });
  const from = performance.now();
  flooder.sendText(pair.repeat(50) + frameText('BEGIN', { transaction: 't', receipt: 'last' }));
  const other = await connectRaw(t, server);
  await other.done('SEND', toA, 'x');
  assert.equal((await flooder.take()).header['receipt-id'], 'last');
  // On purpose: the rate is a time, and a busy machine only makes it longer. 102 frames, of which 50 are the burst.
  assert.ok(performance.now() - from >= 900, `after ${performance.now() - from} ms`);
});

test('a frame may come in pieces of one byte', async (t) => {
  const server = await startChatd(t);
  const raw = await openRaw(t, server);
  for (const byte of frameText('STOMP', { 'accept-version': '1.2', host: 'h' })) raw.sendText(byte);
  assert.equal((await raw.take()).command, 'CONNECTED');
});
