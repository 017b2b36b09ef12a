// chat.v1, the JSON protocol, as docs/protocol.md has it: every type and every error that a daemon can show.
import assert from 'node:assert/strict';
import { connect, connectV1, refusalStatus, startChatd, test } from './support.mjs';

test('welcome', async (t) => {
  const chatd = await startChatd(t);
  const before = await connectV1(t, chatd);
  assert.deepEqual(
    Object.keys(before.welcome).sort(),
    ['complete', 'epoch', 'id', 'name', 'resumed', 'room', 'seq', 'type'],
  );
  assert.match(before.welcome.id, /^\d+$/);
  assert.notEqual(before.welcome.name, '');
  assert.equal(before.welcome.room, 'lobby');
  assert.ok(before.welcome.epoch.length >= 1 && before.welcome.epoch.length <= 64);
  assert.equal(before.welcome.seq, 0);
  assert.equal(before.welcome.resumed, false);
  assert.equal(before.welcome.complete, true);

  await before.request({ type: 'send', text: 'one', ref: 1 }, 'ack');
  const after = await connectV1(t, chatd, '?room=lobby');
  assert.equal(after.welcome.seq, 1);
  assert.equal(after.welcome.epoch, before.welcome.epoch);
  assert.notEqual(after.welcome.id, before.welcome.id);
  assert.notEqual(after.welcome.name, before.welcome.name);
  assert.equal((await connectV1(t, chatd, '?room=dev')).welcome.room, 'dev');
});

test('send: to everyone, to the sender too, with an ack for a ref', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  const bob = await connectV1(t, chatd);
  const started = Date.now();
  ann.sendJson({ type: 'send', text: 'hello', ref: 'r-1' });
  const heard = await bob.takeJson();
  assert.ok(Math.abs(heard.time - started) < 60_000);
  assert.deepEqual(heard, {
    type: 'message',
    room: 'lobby',
    seq: 1,
    epoch: ann.welcome.epoch,
    time: heard.time,
    from: { id: ann.welcome.id, name: ann.welcome.name },
    event: 'chat message',
    text: 'hello',
  });
  assert.deepEqual(await ann.takeType('message'), heard);
  assert.deepEqual(await ann.takeType('ack'), { type: 'ack', ref: 'r-1', seq: 1, epoch: ann.welcome.epoch });

  ann.sendJson({ type: 'send', text: 'without a ref' });
  ann.sendJson({ type: 'send', text: 'a number', ref: 7 });
  assert.equal((await bob.takeJson()).seq, 2);
  assert.equal((await bob.takeJson()).seq, 3);
  assert.equal((await ann.takeType('ack')).ref, 7);
  await ann.flushed();
  assert.deepEqual(ann.messages.waiting.map((text) => JSON.parse(text).type), ['message', 'message']);
});

test('send: a ref comes back as it was written', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  for (const ref of ['123456789012345678901234567890', '"\\u0041\\/"', '-0', `"${'x'.repeat(64)}"`]) {
    ann.send(`{"type":"ping","ref":${ref}}`);
    assert.ok((await ann.take()).includes(`"ref":${ref}`), ref);
  }
  ann.send(`{"type":"ping","ref":"${'x'.repeat(65)}"}`);
  assert.equal((await ann.takeJson()).code, 'invalid_argument');
});

test('send: event, args, attachments, attributes', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  const bob = await connectV1(t, chatd);
  ann.sendJson({
    type: 'send',
    event: 'file',
    args: ['a.bin', { _placeholder: true, num: 0 }, null],
    attachments: ['AAEC'],
    attributes: { kind: 'upload', empty: '' },
  });
  const heard = await bob.takeJson();
  assert.equal(heard.event, 'file');
  assert.deepEqual(heard.args, ['a.bin', { _placeholder: true, num: 0 }, null]);
  assert.deepEqual(heard.attachments, ['AAEC']);
  assert.deepEqual(heard.attributes, { kind: 'upload', empty: '' });
  assert.equal('text' in heard, false);
  assert.equal('ephemeral' in heard, false);

  ann.sendJson({ type: 'send', args: ['one string'] });
  assert.equal((await bob.takeJson()).text, 'one string');
  ann.sendJson({ type: 'send', event: 'other', args: ['one string'] });
  assert.deepEqual((await bob.takeJson()).args, ['one string']);
});

test('send: ephemeral ones have no number and are not kept', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  const bob = await connectV1(t, chatd);
  const ack = await ann.request({ type: 'send', event: 'typing', args: [], ephemeral: true, ref: 1 }, 'ack');
  assert.deepEqual(ack, { type: 'ack', ref: 1 });
  const heard = await bob.takeJson();
  assert.equal(heard.ephemeral, true);
  assert.equal('seq' in heard, false);
  ann.sendJson({ type: 'send', text: 'kept' });
  assert.equal((await bob.takeJson()).seq, 1);
  const history = await bob.request({ type: 'history', ref: 2 }, 'history');
  assert.deepEqual(history.messages.map((message) => message.text), ['kept']);
});

test('event names of the options are ephemeral whoever sends them', async (t) => {
  const chatd = await startChatd(t, ['--ephemeral-event', 'cursor', '--ephemeral-event', 'typing']);
  const ann = await connectV1(t, chatd);
  for (const event of ['cursor', 'typing']) {
    ann.sendJson({ type: 'send', event, args: [1] });
    assert.equal((await ann.takeJson()).ephemeral, true);
  }
  ann.sendJson({ type: 'send', event: 'Cursor', args: [1] });
  assert.equal((await ann.takeJson()).seq, 1);
});

test('send: except_self leaves the sender out, knowingly', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  const bob = await connectV1(t, chatd);
  ann.sendJson({ type: 'send', text: 'for the others', except_self: true, ref: 1 });
  assert.equal((await ann.takeJson()).seq, 1);
  ann.sendJson({ type: 'send', text: 'for all' });
  assert.equal((await bob.takeJson()).text, 'for the others');
  assert.equal((await bob.takeJson()).text, 'for all');
  assert.equal((await ann.takeJson()).text, 'for all');
});

test('args come through byte for byte', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  const bob = await connectV1(t, chatd);
  const nested = '['.repeat(63) + ']'.repeat(63);
  const lists = [
    '[12345678901234567890123456789, -0, 1e400, 1E+2, 0.10000000000000000001]',
    '["\\u0000", "\\ud800", "\\/", "é", "\\u00e9", "💬", "\\ud83d\\udcac"]',
    '[ {"b":1 , "a":2,"b":3} ,\t[ ]\n,\r{ } ]',
    '[true,false,null,""]',
    `[${nested}]`,
    '[]',
  ];
  for (const args of lists) {
    ann.send(`{"type":"send","args":${args},"text":null}`);
    const heard = await bob.take();
    assert.ok(heard.includes(`"args":${args}`), `${args} in ${heard}`);
  }
  ann.sendJson({ type: 'send', text: 'a\u0000b "\\ \u2028' });
  assert.equal((await bob.takeJson()).text, 'a\u0000b "\\ \u2028');
});

test('join, leave: from then until then', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  const bob = await connectV1(t, chatd);
  ann.sendJson({ type: 'join', room: 'dev', ref: 1 });
  const joined = await ann.takeJson();
  assert.deepEqual(joined, {
    type: 'joined', ref: 1, room: 'dev', epoch: joined.epoch, seq: 0, resumed: false, complete: true,
  });
  await ann.request({ type: 'send', room: 'dev', text: 'alone', ref: 2 }, 'ack');
  assert.equal((await ann.takeType('message')).room, 'dev');

  const late = await bob.request({ type: 'join', room: 'dev', ref: 1 }, 'joined');
  assert.equal(late.seq, 1);
  assert.equal(late.epoch, joined.epoch);
  ann.sendJson({ type: 'send', room: 'dev', text: 'both' });
  assert.equal((await bob.takeJson()).text, 'both');
  assert.equal((await ann.takeJson()).text, 'both');

  // Once more is fine, and nothing is heard twice.
  await bob.request({ type: 'join', room: 'dev', ref: 3 }, 'joined');
  bob.sendJson({ type: 'send', room: 'dev', text: 'once' });
  assert.equal((await bob.takeJson()).text, 'once');

  assert.deepEqual(await bob.request({ type: 'leave', room: 'dev', ref: 4 }, 'left'), { type: 'left', ref: 4, room: 'dev' });
  assert.equal((await bob.request({ type: 'leave', room: 'dev', ref: 5 }, 'error')).code, 'not_joined');
  assert.equal((await bob.request({ type: 'send', room: 'dev', text: 'x', ref: 6 }, 'error')).code, 'not_joined');
  await ann.request({ type: 'send', room: 'dev', text: 'not for Bob', ref: 7 }, 'ack');
  await bob.request({ type: 'ping', ref: 8 }, 'pong');
  assert.deepEqual(bob.messages.waiting, []);
});

test('join without a ref is answered, of a room that the client is in as well', async (t) => {
  const server = await startChatd(t);
  const ann = await connectV1(t, server, '?room=dev');
  for (const [request, resumed, complete] of [
    [{ room: 'dev' }, false, true],
    [{ room: 'new' }, false, true],
    [{ room: 'new' }, false, true],
    [{ room: 'dev', epoch: ann.welcome.epoch, seq: 0 }, true, true],
    [{ room: 'dev', epoch: 'another', seq: 7 }, true, false],
  ]) {
    ann.sendJson({ type: 'join', ...request });
    const { type, room, ref, epoch, seq, ...rest } = await ann.takeJson();
    assert.deepEqual([type, room, ref, typeof epoch, seq], ['joined', request.room, undefined, 'string', 0]);
    assert.deepEqual(rest, { resumed, complete });
  }
  // Each was answered once.
  assert.equal((await ann.request({ type: 'ping', ref: 1 }, 'pong')).ref, 1);
  assert.deepEqual(ann.messages.waiting, []);
});

test('the first room may be left, and is still the default of send', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  await ann.request({ type: 'leave', room: 'lobby', ref: 1 }, 'left');
  assert.equal((await ann.request({ type: 'send', text: 'x', ref: 2 }, 'error')).code, 'not_joined');
  await ann.request({ type: 'join', room: 'lobby', ref: 3 }, 'joined');
  await ann.request({ type: 'send', text: 'x', ref: 4 }, 'ack');
});

test('name', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  const bob = await connectV1(t, chatd);
  assert.deepEqual(await ann.request({ type: 'name', name: 'Ann ☕', ref: 1 }, 'named'), {
    type: 'named', ref: 1, name: 'Ann ☕',
  });
  ann.sendJson({ type: 'send', text: 'x' });
  assert.deepEqual((await bob.takeJson()).from, { id: ann.welcome.id, name: 'Ann ☕' });
  for (const name of ['', 'x'.repeat(129), 'a\nb', 'a\u0000b', 'a\u0085b']) {
    assert.equal((await ann.request({ type: 'name', name, ref: 2 }, 'error')).code, 'invalid_argument');
  }
});

test('history', async (t) => {
  const chatd = await startChatd(t, ['--history-messages', '5']);
  const ann = await connectV1(t, chatd);
  assert.deepEqual(await ann.request({ type: 'history', ref: 0 }, 'history'), {
    type: 'history', ref: 0, room: 'lobby', epoch: ann.welcome.epoch, seq: 0, complete: true, messages: [],
  });
  const said = [];
  for (let i = 1; i <= 8; i += 1) {
    ann.sendJson({ type: 'send', text: `m${i}` });
    said.push(await ann.takeJson());
  }
  const all = await ann.request({ type: 'history', ref: 1 }, 'history');
  assert.equal(all.seq, 8);
  assert.equal(all.complete, false);
  assert.deepEqual(all.messages, said.slice(3));
  const some = await ann.request({ type: 'history', after: 5, ref: 2 }, 'history');
  assert.equal(some.complete, true);
  assert.deepEqual(some.messages, said.slice(5));
  const newest = await ann.request({ type: 'history', after: 3, limit: 2, ref: 3 }, 'history');
  assert.equal(newest.complete, false);
  assert.deepEqual(newest.messages, said.slice(6));
  const enough = await ann.request({ type: 'history', after: 6, limit: 2, room: 'lobby', ref: 4 }, 'history');
  assert.equal(enough.complete, true);
  assert.deepEqual(enough.messages, said.slice(6));
  assert.deepEqual((await ann.request({ type: 'history', after: 8, ref: 5 }, 'history')).messages, []);
});

test('members and rooms: only when the application allows it', async (t) => {
  const closed = await startChatd(t, ['--page', 'off']); // whose reader may see who is in the room
  const stranger = await connectV1(t, closed);
  assert.equal((await stranger.request({ type: 'members', ref: 1 }, 'error')).code, 'forbidden');
  assert.equal((await stranger.request({ type: 'rooms', ref: 2 }, 'error')).code, 'forbidden');

  const open = await startChatd(t, ['--lists']);
  const ann = await connectV1(t, open);
  const bob = await connectV1(t, open, '?room=dev');
  await connect(t, open.url('/chat?room=dev'));
  await ann.request({ type: 'send', text: 'x', ref: 1 }, 'ack');
  assert.deepEqual(await ann.request({ type: 'members', ref: 2 }, 'members'), {
    type: 'members', ref: 2, room: 'lobby', members: [{ id: ann.welcome.id, name: ann.welcome.name }],
  });
  const dev = await ann.request({ type: 'members', room: 'dev', ref: 3 }, 'members');
  assert.equal(dev.members.length, 2);
  assert.ok(dev.members.some(({ id, name }) => id === bob.welcome.id && name === bob.welcome.name));
  const { rooms } = await ann.request({ type: 'rooms', ref: 4 }, 'rooms');
  assert.deepEqual([...rooms].sort((a, b) => a.name.localeCompare(b.name)), [
    { name: 'dev', epoch: bob.welcome.epoch, seq: 0, members: 2, history: 0 },
    { name: 'lobby', epoch: ann.welcome.epoch, seq: 1, members: 1, history: 1 },
  ]);
  assert.equal((await ann.request({ type: 'members', room: 'nowhere', ref: 5 }, 'error')).code, 'no_such_room');
});

test('ping', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  assert.deepEqual(await ann.request({ type: 'ping', ref: 9 }, 'pong'), { type: 'pong', ref: 9 });
  ann.sendJson({ type: 'ping' });
  assert.deepEqual(await ann.takeJson(), { type: 'pong' });
});

test('every request that is wrong has its error, and the connection goes on', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  const text = 'x';
  const many = (count, value) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, value]));
  const placeholders = (count) => Array.from({ length: count }, (_, num) => ({ _placeholder: true, num }));
  const cases = [
    [{ type: 'dance' }, 'unknown_type'],
    [{ type: '' }, 'unknown_type'],
    [{}, 'invalid_argument'],
    [{ type: 5 }, 'invalid_argument'],
    [{ type: 'send' }, 'invalid_argument'],
    [{ type: 'send', text, args: [] }, 'invalid_argument'],
    [{ type: 'send', text: 5 }, 'invalid_argument'],
    [{ type: 'send', args: 'x' }, 'invalid_argument'],
    [{ type: 'send', text, room: 5 }, 'invalid_argument'],
    [{ type: 'send', text, ephemeral: 'yes' }, 'invalid_argument'],
    [{ type: 'send', text, attachments: ['AAEC'] }, 'invalid_argument'],
    [{ type: 'send', args: [], attachments: ['AAEC'] }, 'invalid_argument'],
    [{ type: 'send', args: placeholders(1), attachments: ['not base64!'] }, 'invalid_argument'],
    [{ type: 'send', args: placeholders(1), attachments: ['AAF'] }, 'invalid_argument'],
    [{ type: 'send', args: placeholders(2), attachments: ['AAEC'] }, 'invalid_argument'],
    [{ type: 'send', args: [{ _placeholder: true, num: 0, more: 1 }], attachments: ['AAEC'] }, 'invalid_argument'],
    [{ type: 'send', args: placeholders(11), attachments: Array(11).fill('AAEC') }, 'too_many'],
    [{ type: 'send', text, attributes: many(33, 'v') }, 'too_many'],
    [{ type: 'send', text, attributes: many(3, 'v'.repeat(4000)) }, 'too_large'],
    [{ type: 'send', text, attributes: { a: 5 } }, 'invalid_argument'],
    [{ type: 'send', text, room: 'a/b' }, 'invalid_room'],
    [{ type: 'send', text, room: 'elsewhere' }, 'not_joined'],
    [{ type: 'send', text, event: '' }, 'invalid_event'],
    [{ type: 'send', text, event: 'x'.repeat(129) }, 'invalid_event'],
    [{ type: 'join' }, 'invalid_argument'],
    [{ type: 'join', room: ' a' }, 'invalid_room'],
    [{ type: 'join', room: '' }, 'invalid_room'],
    [{ type: 'join', room: 'x'.repeat(129) }, 'invalid_room'],
    [{ type: 'join', room: 'dev', seq: 1 }, 'invalid_argument'],
    [{ type: 'join', room: 'dev', epoch: 'a' }, 'invalid_argument'],
    [{ type: 'join', room: 'dev', epoch: 'a', seq: -1 }, 'invalid_argument'],
    [{ type: 'join', room: 'dev', epoch: 'a', seq: 1.5 }, 'invalid_argument'],
    [{ type: 'leave' }, 'invalid_argument'],
    [{ type: 'leave', room: 'elsewhere' }, 'not_joined'],
    [{ type: 'name' }, 'invalid_argument'],
    [{ type: 'history', after: 'x' }, 'invalid_argument'],
    [{ type: 'history', limit: -1 }, 'invalid_argument'],
    ...['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'].map((event) => [
      { type: 'send', text, event }, 'invalid_event',
    ]),
  ];
  for (const [index, [object, code]] of cases.entries()) {
    ann.sendJson({ ...object, ref: index });
    const reply = await ann.takeJson();
    assert.deepEqual([reply.type, reply.ref, reply.code], ['error', index, code], JSON.stringify(object).slice(0, 200));
    assert.notEqual(reply.reason, '');
  }
  ann.send('{"type":"send","text":"a","text":"b","ref":1}');
  assert.equal((await ann.takeJson()).code, 'invalid_argument');
  ann.send('{"type":"send","text":"\\ud800","ref":2}');
  assert.equal((await ann.takeJson()).code, 'invalid_utf8');
  ann.send('{"type":"ping","ref":{}}');
  assert.equal((await ann.takeJson()).code, 'invalid_argument');
  await ann.request({ type: 'ping', ref: 'still here' }, 'pong');
});

test('a client may join so many rooms and no more', async (t) => {
  const chatd = await startChatd(t, ['--max-rooms-per-client', '3', '--max-rooms', '4', '--max-rooms-per-address', 'off']);
  const ann = await connectV1(t, chatd);
  for (const room of ['a', 'b']) await ann.request({ type: 'join', room, ref: room }, 'joined');
  assert.equal((await ann.request({ type: 'join', room: 'c', ref: 'c' }, 'error')).code, 'too_many');
  await ann.request({ type: 'leave', room: 'a', ref: 'l' }, 'left');
  await ann.request({ type: 'join', room: 'c', ref: 'c2' }, 'joined');
  const bob = await connectV1(t, chatd, '?room=d');
  assert.equal((await bob.request({ type: 'join', room: 'e', ref: 'e' }, 'error')).code, 'too_many');
});

test('malformed frames: an error each, and 1008 when it goes on', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  const bob = await connectV1(t, chatd);
  const deep = (depth) => `{"type":"send","args":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  const malformed = [
    ['{"type":"send","text":"x"', 'invalid_json'],
    ['hello', 'invalid_json'],
    [deep(65), 'invalid_json'],
    ['[]', 'encoding'],
    [Buffer.from('{"type":"ping"}'), 'encoding'],
    ['', 'invalid_json'],
    ['{"type":"ping",}', 'invalid_json'],
    ['{"type":"ping"} {}', 'invalid_json'],
    ['\ufeff{"type":"ping"}', 'invalid_json'],
    ['"x"', 'encoding'],
    ['{"type":"send","args":[NaN]}', 'invalid_json'],
    ["{'type':'ping'}", 'invalid_json'],
    ['{"type":"send","args":[01]}', 'invalid_json'],
    ['{"type":"send","text":"tab\there"}', 'invalid_json'],
    [deep(10_000), 'invalid_json'],
  ];
  // One good frame after each keeps the counter down.
  for (const [frame, code] of malformed) {
    ann.send(frame);
    const reply = await ann.takeJson();
    assert.deepEqual([reply.type, reply.code], ['error', code], String(frame).slice(0, 80));
    await ann.request({ type: 'ping', ref: 1 }, 'pong');
  }
  for (let i = 0; i < 5; i += 1) ann.send('{');
  const { code } = await ann.closed;
  assert.equal(code, 1008);
  assert.equal(ann.messages.waiting.length, 5);
  bob.sendJson({ type: 'send', text: 'unaffected' });
  assert.equal((await bob.takeJson()).text, 'unaffected');
});

test('a frame of the greatest size, and one above', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  const frame = (size) => {
    const start = '{"type":"send","text":"';
    return `${start}${'x'.repeat(size - start.length - 2)}"}`;
  };
  ann.send(frame(65_536));
  assert.equal((await ann.takeJson()).text.length, 65_536 - 25);
  ann.send(frame(65_537));
  assert.equal((await ann.closed).code, 1009);
});

test('the address: room, epoch and seq are checked', async (t) => {
  const chatd = await startChatd(t);
  assert.equal(await refusalStatus(t, chatd.url('/chat.v1?room=a%2Fb')), 400);
  const client = await connect(t, chatd.url('/chat?room=dev'), ['chat.v1']);
  assert.equal((await client.takeJson()).room, 'dev');
});
