// Presence in each protocol, with its official client: docs/presence.md.
import assert from 'node:assert/strict';
import path from 'node:path';
import { EventSource } from 'eventsource';
import { connectSocketIo } from './socket_io_support.mjs';
import { connectStompjs } from './stomp_support.mjs';
import { Queue, atEnd, connect, connectV1, startChatd, startTestd, temporaryFolder, test } from './support.mjs';

// Who is in a room, by its snapshot and the changes after it.
class People {
  #known = new Map();
  count = null;

  static key = ({ user, id }) => user ?? `guest ${id}`;

  apply({ count, people, joined = [], left = [], changed = [] }) {
    this.count = count;
    if (people !== undefined) this.#known.clear();
    for (const person of [...(people ?? []), ...joined, ...changed]) this.#known.set(People.key(person), person.name);
    for (const person of left) this.#known.delete(People.key(person));
  }

  names() {
    return [...this.#known.values()].sort();
  }
}

// Reads notices until the room has these people.
async function until(take, names) {
  const people = new People();
  while (people.count === null || people.names().join() !== [...names].sort().join()) people.apply(await take());
  assert.equal(people.count, names.length);
}

const takeOf = (client) => () => client.takeType('presence');

for (const threads of [0, 1, 3]) {
  test(`every protocol tells who is there, threads=${threads}`, async (t) => {
    const testd = await startTestd(t, ['presence=2', 'presence_grace_ms=1', `threads=${threads}`]);
    const ann = await connectV1(t, testd, '?room=dev&user_id=ann&name=Ann');
    await until(takeOf(ann), ['Ann']);

    const socket = await connectSocketIo(t, testd, { namespace: '/dev', auth: { user_id: 'bob', name: 'Bob' } });
    const takeSocket = async () => (await socket.events.take(([name]) => name === 'presence'))[1];
    await until(takeSocket, ['Ann', 'Bob']);

    const source = new EventSource(testd.http('/rooms/dev/events?user_id=eve&name=Eve'));
    atEnd(t, () => source.close());
    const events = new Queue();
    source.addEventListener('presence', ({ data, lastEventId }) => events.push({ ...JSON.parse(data), lastEventId }));
    await until(() => events.take(), ['Ann', 'Bob', 'Eve']);

    const stomp = await connectStompjs(t, testd, { path: '/stomp?user_id=sam&name=Sam' });
    const notices = await stomp.heard('/topic/dev.presence');
    await until(
      async () => {
        const { headers, body } = await notices.take();
        assert.equal(headers.destination, '/topic/dev.presence');
        assert.equal(headers.event, 'presence');
        assert.match(headers['content-type'], /^application\/json/);
        return JSON.parse(body);
      },
      ['Ann', 'Bob', 'Eve', 'Sam'],
    );

    const { status, body } = await fetch(testd.http('/rooms/dev/presence')).then(async (answer) => ({
      status: answer.status,
      body: await answer.json(),
    }));
    assert.equal(status, 200);
    assert.equal(body.type, 'presence');
    assert.deepEqual(body.people.map(({ user }) => user).sort(), ['ann', 'bob', 'eve', 'sam']);

    ann.sendJson({ type: 'presence', ref: 1 });
    const reply = await ann.takeType('presence', ({ ref }) => ref === 1);
    assert.equal(reply.count, 4);

    // Departures too.
    socket.end();
    source.close();
    await stomp.deactivate();
    await until(takeOf(await connectV1(t, testd, '?room=dev&user_id=ann&name=Ann')), ['Ann']);
  });
}

test('every protocol sees the state of a person', async (t) => {
  const testd = await startTestd(t, ['presence=2']);
  const ann = await connectV1(t, testd, '?room=dev&user_id=ann&name=Ann');
  const socket = await connectSocketIo(t, testd, { namespace: '/dev', auth: { user_id: 'bob', name: 'Bob' } });
  const source = new EventSource(testd.http('/rooms/dev/events?user_id=eve&name=Eve'));
  atEnd(t, () => source.close());
  const events = new Queue();
  source.addEventListener('presence', ({ data }) => events.push(JSON.parse(data)));
  const stomp = await connectStompjs(t, testd, { path: '/stomp?user_id=sam&name=Sam' });
  const notices = await stomp.heard('/topic/dev.presence');
  const has = ({ changed }) => changed?.some(({ user, state }) => user === 'ann' && state?.away === true);
  await ann.takeType('presence', ({ count }) => count === 4);

  ann.sendJson({ type: 'state', state: { away: true }, ref: 1 });
  assert.deepEqual(await ann.takeType('ack'), { type: 'ack', ref: 1 });
  const state = { away: true };
  assert.deepEqual((await ann.takeType('presence', has)).changed, [{ user: 'ann', name: 'Ann', state }]);
  await socket.events.take(([name, notice]) => name === 'presence' && has(notice));
  await events.take(has);
  await notices.take(({ body }) => has(JSON.parse(body)));
  const { people } = await fetch(testd.http('/rooms/dev/presence')).then((answer) => answer.json());
  assert.deepEqual(people.filter((person) => person.state), [{ user: 'ann', name: 'Ann', state }]);

  ann.sendJson({ type: 'state' });
  assert.deepEqual((await ann.takeType('presence', ({ changed }) => changed)).changed, [{ user: 'ann', name: 'Ann' }]);
  ann.sendJson({ type: 'state', state: 'x'.repeat(1023), ref: 2 });
  assert.equal((await ann.takeType('error')).code, 'too_large');
});

test('a client that may not list the members, and one of the level counts, receive the number', async (t) => {
  const testd = await startTestd(t, ['presence=2']);
  const ann = await connectV1(t, testd, '?room=secret&user_id=ann&name=Ann');
  assert.deepEqual(await ann.takeType('presence').then(({ count, people }) => [count, people]), [0, undefined]);
  const second = await ann.takeType('presence');
  assert.deepEqual([second.count, second.people, second.joined], [1, undefined, undefined]);
  ann.sendJson({ type: 'presence', ref: 1 });
  const reply = await ann.takeType('presence', ({ ref }) => ref === 1);
  assert.deepEqual(reply, { type: 'presence', ref: 1, room: 'secret', count: 1 });

  const chatd = await startChatd(t, ['--presence', 'counts']);
  const guest = await connectV1(t, chatd);
  assert.deepEqual(Object.keys(await guest.takeType('presence')).sort(), ['count', 'room', 'time', 'type']);
});

test('a reconnect is not told, and a guest that leaves is', async (t) => {
  const testd = await startTestd(t, ['presence=2', 'presence_grace_ms=60000']);
  const ann = await connectV1(t, testd, '?user_id=ann&name=Ann');
  const bob = await connectV1(t, testd, '?user_id=bob&name=Bob');
  await until(takeOf(ann), ['Ann', 'Bob']);
  await bob.close();
  await testd.event('disconnect');
  const again = await connectV1(t, testd, '?user_id=bob&name=Bob');
  const guest = await connectV1(t, testd, '?name=Guest');
  assert.deepEqual((await ann.takeType('presence')).joined.map(({ name }) => name), ['Guest']);
  await guest.close();
  const told = await ann.takeType('presence');
  assert.deepEqual([told.count, told.left.map(({ name }) => name)], [2, ['Guest']]);
  assert.ok(again);
});

// A server whose history survives it, twice.
async function restarting(t, graceMs) {
  const file = path.join(temporaryFolder(t), 'chat.db');
  const start = () => startTestd(t, ['presence=2', `presence_grace_ms=${graceMs}`, `history_path=${file}`]);
  const first = await start();
  const ann = await connectV1(t, first, '?room=dev&user_id=ann&name=Ann');
  const bob = await connectV1(t, first, '?room=dev&user_id=bob&name=Bob');
  await until(takeOf(bob), ['Ann', 'Bob']);
  bob.sendJson({ type: 'state', state: { away: true } });
  await ann.takeType('presence', ({ changed }) => changed);
  first.endGently();
  await first.exited;
  return start();
}

test('a restart with a kept history is not told of users that come back', async (t) => {
  const testd = await restarting(t, 60_000);
  const ann = await connectV1(t, testd, '?room=dev&user_id=ann&name=Ann');
  const snapshot = await ann.takeType('presence');
  assert.deepEqual(snapshot.people.map(({ user, state }) => [user, state?.away]).sort(), [['ann', undefined], ['bob', true]]);
  await connectV1(t, testd, '?room=dev&user_id=bob&name=Bob');
  await connectV1(t, testd, '?room=dev&name=Guest');
  const told = await ann.takeType('presence');
  assert.deepEqual([told.count, told.joined.map(({ name }) => name), told.changed], [3, ['Guest'], undefined]);
});

test('after a restart a user that does not come back has left when the grace time is over', async (t) => {
  const testd = await restarting(t, 3_000);
  const ann = await connectV1(t, testd, '?room=dev&user_id=ann&name=Ann');
  const told = await ann.takeType('presence', ({ left }) => left);
  assert.deepEqual([told.count, told.left.map(({ user }) => user)], [1, ['bob']]);
  const later = await connectV1(t, testd, '?room=dev&user_id=eve&name=Eve');
  await until(takeOf(later), ['Ann', 'Eve']);
});

test('the application sets the level of a room', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd, '?room=dev&user_id=ann&name=Ann');
  assert.equal((await testd.command('set-presence', 0, 'dev', 2)).error, 'OK');
  assert.equal((await ann.takeType('presence')).count, 1);
  const bob = await connectV1(t, testd, '?room=dev&user_id=bob&name=Bob');
  await until(takeOf(bob), ['Ann', 'Bob']);
  assert.equal((await testd.command('set-presence', 0, 'dev', 7)).error, 'ERROR_INVALID_ARGUMENT');
  assert.equal((await testd.command('set-presence', 0, 'a/b', 1)).error, 'ERROR_INVALID_ROOM');
  assert.equal((await testd.command('set-presence', 0, 'dev', 0)).error, 'OK');
  ann.sendJson({ type: 'presence', room: 'dev', ref: 1 });
  assert.equal((await ann.takeType('error')).code, 'forbidden');
});

test('without the option nothing is told, and nobody can ask', async (t) => {
  const testd = await startTestd(t);
  const ann = await connectV1(t, testd);
  const bob = await connectV1(t, testd);
  bob.sendJson({ type: 'send', text: 'hello' });
  assert.equal((await ann.takeJson()).text, 'hello');
  ann.sendJson({ type: 'presence', ref: 1 });
  assert.equal((await ann.takeType('error')).code, 'forbidden');
  assert.equal((await fetch(testd.http('/rooms/lobby/presence'))).status, 403);
});

test('a plain client receives no notice, and the event has the name of the option', async (t) => {
  const chatd = await startChatd(t, ['--presence', 'full', '--presence-event', 'people']);
  const plain = await connect(t, chatd.url('/chat'));
  const socket = await connectSocketIo(t, chatd, { namespace: '/lobby' });
  // chatd lets members list the members.
  await until(
    async () => {
      const [name, notice] = await socket.events.take();
      assert.equal(name, 'people');
      return notice;
    },
    ['guest-1', 'guest-2'],
  );
  const ann = await connectV1(t, chatd);
  await ann.takeType('presence', ({ count }) => count === 3);
  ann.sendJson({ type: 'send', text: 'hello' });
  assert.equal(await plain.take(), 'hello');
});
