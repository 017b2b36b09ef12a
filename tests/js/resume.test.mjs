// Coming back with (epoch, seq): everything that was missed, once and in order, or a plain word that it is not all.
import assert from 'node:assert/strict';
import { connect, connectV1, startChatd, startTestd, test } from './support.mjs';

const texts = async (client, count) => {
  const result = [];
  for (let i = 0; i < count; i += 1) result.push((await client.takeJson()).text);
  return result;
};

async function say(client, ...words) {
  for (const text of words) await client.request({ type: 'send', text, ref: text }, 'ack');
}

const query = (epoch, seq, room = 'lobby') => `?room=${room}&epoch=${encodeURIComponent(epoch)}&seq=${seq}`;

test('in the address: what was missed follows the welcome', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  const { epoch } = ann.welcome;
  await say(ann, 'one', 'two', 'three', 'four');
  const bob = await connectV1(t, chatd, query(epoch, 2));
  assert.deepEqual([bob.welcome.seq, bob.welcome.resumed, bob.welcome.complete], [4, true, true]);
  assert.deepEqual(await texts(bob, 2), ['three', 'four']);
  await say(ann, 'five');
  assert.deepEqual(await texts(bob, 1), ['five']);

  const current = await connectV1(t, chatd, query(epoch, 5));
  assert.deepEqual([current.welcome.resumed, current.welcome.complete], [true, true]);
  const all = await connectV1(t, chatd, query(epoch, 0));
  assert.deepEqual(await texts(all, 5), ['one', 'two', 'three', 'four', 'five']);
  await say(ann, 'six');
  assert.deepEqual(await texts(current, 1), ['six']);
});

test('in the address of plain clients it means nothing', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  await say(ann, 'one', 'two');
  const plain = await connect(t, chatd.url(`/chat${query(ann.welcome.epoch, 0)}`));
  await say(ann, 'three');
  assert.equal(await plain.take(), 'three');
});

test('with join', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd, '?room=dev');
  const bob = await connectV1(t, chatd);
  await say(ann, 'one', 'two', 'three');
  const joined = await bob.request({ type: 'join', room: 'dev', epoch: ann.welcome.epoch, seq: 1, ref: 1 }, 'joined');
  assert.deepEqual([joined.seq, joined.resumed, joined.complete], [3, true, true]);
  assert.deepEqual(await texts(bob, 2), ['two', 'three']);
  // A member asks for what it missed; it hears what comes next once.
  await bob.request({ type: 'join', room: 'dev', epoch: ann.welcome.epoch, seq: 2, ref: 2 }, 'joined');
  assert.deepEqual(await texts(bob, 1), ['three']);
  await say(ann, 'four');
  assert.deepEqual(await texts(bob, 1), ['four']);
  await bob.flushed();
  assert.deepEqual(bob.messages.waiting, []);
});

test('too old: the rest, and it is said that it is not all', async (t) => {
  const chatd = await startChatd(t, ['--history-messages', '3']);
  const ann = await connectV1(t, chatd);
  const { epoch } = ann.welcome;
  await say(ann, 'one', 'two', 'three', 'four', 'five');
  const bob = await connectV1(t, chatd, query(epoch, 1));
  assert.deepEqual([bob.welcome.resumed, bob.welcome.complete], [true, false]);
  assert.deepEqual(await texts(bob, 3), ['three', 'four', 'five']);
  const carl = await connectV1(t, chatd, query(epoch, 2));
  assert.equal(carl.welcome.complete, true);
  assert.deepEqual(await texts(carl, 3), ['three', 'four', 'five']);
});

test('another epoch, or a number from the future: not complete', async (t) => {
  const chatd = await startChatd(t);
  const ann = await connectV1(t, chatd);
  await say(ann, 'one', 'two');
  for (const [epoch, seq] of [['another', 1], [ann.welcome.epoch, 1000]]) {
    const bob = await connectV1(t, chatd, query(epoch, seq));
    assert.deepEqual([bob.welcome.resumed, bob.welcome.complete], [true, false], epoch);
    assert.equal(bob.welcome.epoch, ann.welcome.epoch);
    await say(ann, `after ${seq}`);
    await bob.takeType('message', ({ text }) => text === `after ${seq}`);
  }
});

test('another server is another epoch', async (t) => {
  const first = await startChatd(t);
  const second = await startChatd(t);
  const ann = await connectV1(t, first);
  const bob = await connectV1(t, second);
  assert.notEqual(ann.welcome.epoch, bob.welcome.epoch);
});

test('nothing is kept: not complete unless nothing was missed', async (t) => {
  const chatd = await startChatd(t, ['--history-messages', '0']);
  const ann = await connectV1(t, chatd);
  const { epoch } = ann.welcome;
  await say(ann, 'one', 'two');
  assert.equal((await connectV1(t, chatd, query(epoch, 1))).welcome.complete, false);
  assert.equal((await connectV1(t, chatd, query(epoch, 2))).welcome.complete, true);
});

test('history is bounded in bytes, too', async (t) => {
  const chatd = await startChatd(t, ['--history-bytes', '20000', '--history-messages', 'off']);
  const ann = await connectV1(t, chatd);
  const text = 'x'.repeat(1000);
  for (let i = 0; i < 100; i += 1) await ann.request({ type: 'send', text, ref: i }, 'ack');
  const { messages, complete } = await ann.request({ type: 'history', ref: 'h' }, 'history');
  assert.equal(complete, false);
  assert.ok(messages.length >= 5 && messages.length <= 20, `${messages.length} kept`);
  assert.equal(messages.at(-1).seq, 100);
});

test('a closed room begins anew', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd, '?room=dev');
  const { epoch } = ann.welcome;
  await say(ann, 'one', 'two');
  assert.equal((await testd.command('close-room', 0, 'dev', 'tidying up')).error, 'OK');
  const left = await ann.takeType('left');
  assert.deepEqual(left, { type: 'left', room: 'dev', reason: 'tidying up' });
  const joined = await ann.request({ type: 'join', room: 'dev', epoch, seq: 1, ref: 1 }, 'joined');
  assert.notEqual(joined.epoch, epoch);
  assert.deepEqual([joined.seq, joined.resumed, joined.complete], [0, true, false]);
  const ack = await ann.request({ type: 'send', room: 'dev', text: 'anew', ref: 2 }, 'ack');
  assert.deepEqual([ack.seq, ack.epoch], [1, joined.epoch]);
});
