// Names that belong to one person of a room, and names that guests cannot take, for clients of each protocol: docs/moderation.md.
// The first half needs a build with ICU.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { connectSocketIo, SocketIoClient } from './socket_io_support.mjs';
import { buildDir, connectV1, refusalStatus, startTestd, test } from './support.mjs';

const versions = spawnSync(path.join(buildDir, 'bin/chatd'), ['--version'], { encoding: 'utf8' }).stdout;
const withIcu = { skip: versions.includes('ICU ') ? false : 'this build has no ICU' };

const enter = (t, testd, query) => connectV1(t, testd, `?room=dev&${query}`);
const cyrillicA = '\u0410';

for (const threads of [0, 2]) {
  test(`a guest cannot take a name that another person has, threads=${threads}`, withIcu, async (t) => {
    const testd = await startTestd(t, [`threads=${threads}`, 'unique_names=1', 'reserved_name=Root']);
    const ann = await enter(t, testd, 'name=Ann');
    assert.equal(ann.welcome.name, 'Ann');
    const bob = await enter(t, testd, '');
    let ref = 0;
    const rename = (client, name) => client.request({ type: 'name', name, ref: ++ref });
    for (const name of ['Ann', 'ANN', `${cyrillicA}nn`, 'A\u200bnn']) {
      const refused = await rename(bob, name);
      assert.equal(refused.code, 'name_taken', name);
      assert.equal(refused.reason, `the name ${name}, or one that looks like it, is taken in the room dev`);
    }
    for (const name of ['Root', 'R\u043eot', `guest-${ann.welcome.id}`, 'guest-999']) {
      const refused = await rename(bob, name);
      assert.equal(refused.code, 'forbidden', name);
      assert.equal(refused.reason, `the name ${name} is reserved`);
    }
    assert.deepEqual(await rename(bob, 'Bob'), { type: 'named', ref, name: 'Bob' });
    assert.equal((await rename(ann, 'Annie')).type, 'named');
    assert.equal((await rename(bob, 'Ann')).type, 'named');

    // Whoever comes with a name that is taken is there with a guest name.
    const late = await enter(t, testd, 'name=ann');
    assert.equal(late.welcome.name, `guest-${late.welcome.id}`);
    await bob.close();
    await testd.event('disconnect', ({ client }) => client === bob.welcome.id);
    assert.equal((await rename(late, 'Ann')).type, 'named');
    // A further room is another matter: it keeps its name, and does not come in.
    const other = await connectV1(t, testd, '?room=ops&name=Ann');
    assert.equal((await other.request({ type: 'join', room: 'dev', ref: 'j' })).code, 'name_taken');
    assert.equal((await rename(other, 'Zoe')).type, 'named');
    assert.equal((await other.request({ type: 'join', room: 'dev', ref: 'k' })).type, 'joined');
  });
}

test('a guest gives way to a user of every protocol, and a user to no user', withIcu, async (t) => {
  const testd = await startTestd(t, ['unique_names=1']);
  const guest = await enter(t, testd, 'name=Ann');
  const user = await connectSocketIo(t, testd, { namespace: '/dev', auth: { user_id: 'ann', name: 'ann' } });
  assert.equal((await guest.takeType('named')).name, `guest-${guest.welcome.id}`);
  guest.sendJson({ type: 'send', text: 'who am I', ref: 1 });
  assert.equal((await guest.takeType('message')).from.name, `guest-${guest.welcome.id}`);

  // More clients of this user are welcome.
  const second = await enter(t, testd, 'user_id=ann&name=ann');
  assert.equal(second.welcome.name, 'ann');
  const query = 'user_id=eve&name=Ann';
  assert.equal(await refusalStatus(t, testd.url(`/chat.v1?room=dev&${query}`)), 403);
  const stream = await fetch(testd.http(`/rooms/dev/events?${query}`));
  assert.equal(stream.status, 409);
  assert.equal((await stream.json()).code, 'name_taken');
  const refused = new SocketIoClient(t, testd, { namespace: '/dev', auth: { user_id: 'eve', name: 'Ann' } });
  await assert.rejects(refused.opened(), /is taken in the room dev/);
  const eve = await connectV1(t, testd, `?room=ops&${query}`);
  assert.equal((await eve.request({ type: 'join', room: 'dev', ref: 1 })).code, 'name_taken');
  assert.ok(user.socket.connected);
});

test('by default names are as free as they were', async (t) => {
  const testd = await startTestd(t);
  const ann = await enter(t, testd, 'name=Ann');
  const bob = await enter(t, testd, '');
  assert.equal((await bob.request({ type: 'name', name: 'Ann', ref: 1 })).type, 'named');
  assert.equal((await bob.request({ type: 'name', name: `guest-${ann.welcome.id}`, ref: 2 })).type, 'named');
});

test('reserved names need no ICU', async (t) => {
  const testd = await startTestd(t, ['reserved_name=Server', 'reserved_name=root']);
  const guest = await enter(t, testd, '');
  for (const name of ['server', 'SERVER', 'Root']) {
    assert.equal((await guest.request({ type: 'name', name, ref: name })).code, 'forbidden');
  }
  assert.equal((await guest.request({ type: 'name', name: 'servers', ref: 1 })).type, 'named');
});
