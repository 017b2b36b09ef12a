// The chat page with what people do to it: names made to deceive, rooms and words without end, more messages than anybody
// reads, reloads. In chromium, from the real server, under its policy.
import assert from 'node:assert/strict';
import { connectChat } from './chat_js_support.mjs';
import { hasText, hasTitle, hears, newContext, openPage, say, skip, startPageServer, texts } from './page_support.mjs';
import { startTestd, test as plainTest } from './support.mjs';

const test = (name, body) => plainTest(name, { skip }, body);

const log = '.log:not([hidden])';
const joinByHand = async (tab, room) => {
  await tab.fill('#join-room', room);
  await tab.press('#join-room', 'Enter');
};

test('after a reload one\'s own messages are still one\'s own, and nobody else\'s are', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  const bob = await openPage(t, server, { name: 'Ann' });
  await say(ann, 'first');
  await hears(ann, 'first');
  await say(bob, 'of the other Ann');
  await hears(ann, 'of the other Ann');
  for (let reload = 0; reload < 2; reload += 1) {
    await ann.reload();
    await hears(ann, 'of the other Ann');
    const own = await ann.$$eval('.row.own .said', (all) => all.map(({ textContent }) => textContent));
    assert.deepEqual(own, ['first']);
  }
});

test('the rooms of the server, where it tells them', async (t) => {
  const server = await startPageServer(t, { args: ['--lists'] });
  const bob = connectChat(t, server, { rooms: ['dev', '개발'] });
  const eve = connectChat(t, server, { room: 'dev' });
  await Promise.all([bob.next('joined', ({ room }) => room === '개발'), eve.opened()]);
  const ann = await openPage(t, server, { name: 'Ann' });
  const others = (wanted) => ann.waitForFunction((list) => [...document.querySelectorAll('#other-list li')]
    .map(({ innerText }) => innerText.trim().replace(/\s+/g, ' ')).join() === list, wanted);
  await others('dev 2 people,개발 1 person');
  await ann.click('#other-list button >> nth=1');
  await hasText(ann, '#title', '개발');
  await others('dev 2 people');
  assert.equal(await ann.evaluate(() => document.activeElement.id), 'text');
  await ann.click('[aria-label="Leave 개발"]');
  await ann.waitForFunction(() => document.querySelectorAll('#other-list li').length === 2);

  const secret = await startPageServer(t);
  const carl = connectChat(t, secret, { rooms: ['dev'] });
  await carl.next('joined', ({ room }) => room === 'dev');
  const dora = await openPage(t, secret, { name: 'Dora' });
  await say(dora, 'hello');
  await hears(dora, 'hello');
  assert.equal(await dora.isHidden('#others'), true);
});

test('names made to deceive', async (t) => {
  const testd = await startTestd(t);
  const server = await startPageServer(t, { program: testd });
  const names = ['Ann', 'A\u200bn\u2060n\u202e', 'Ann\ufe0f\u200d', '\u202eresU\u202c\u202elive', '\u3164\u2063', 'שלום עולם', 'Server', '👩‍👩‍👧 می‌خواهم', '  x \u2003 y '];
  const ann = await openPage(t, server, { name: 'Ann' });
  for (const name of names) {
    const client = connectChat(t, server, { name });
    await client.next('named');
    await client.send(`I am ${name}`);
  }
  await testd.command('broadcast', 0, 'lobby', 'from the server itself');
  await hears(ann, 'from the server itself');
  const shown = await ann.$$eval('.row .meta b', (all) => all.map(({ textContent }) => textContent));
  assert.deepEqual(shown, ['Ann', 'Ann', 'Ann', 'resUlive', 'Someone', 'שלום עולם', 'Server', '👩‍👩‍👧 می‌خواهم', 'x y', 'Server']);
  // The time stands behind the name, whatever that is made of.
  const places = await ann.$$eval('.row .meta', (all) => all.map((meta) => {
    const [name, time] = [meta.querySelector('b'), meta.querySelector('time')].map((part) => part.getBoundingClientRect());
    return name.right <= time.left;
  }));
  assert.deepEqual(places, names.map(() => true).concat(true));
  // Only the server has the server's picture, and whoever shares a name is numbered.
  assert.deepEqual(await ann.$$eval('.row', (all) => all.map((row) => row.querySelector('img.avatar') !== null)), names.map(() => false).concat(true));
});

test('people of one name are told apart in the list', async (t) => {
  const server = await startPageServer(t);
  const twins = [connectChat(t, server, { name: 'Bob' }), connectChat(t, server, { name: 'Bob\u200b' }), connectChat(t, server, { name: 'Carl' })];
  for (const client of twins) await client.next('named');
  const ann = await openPage(t, server, { name: 'Ann' });
  const expected = ['Ann You', `Bob #${twins[0].id}`, `Bob #${twins[1].id}`, 'Carl '];
  await ann.waitForFunction((wanted) => [...document.querySelectorAll('#people-list li')]
    .map((li) => `${li.querySelector('.name').textContent} ${li.querySelector('small').textContent}`).join() === wanted, expected.join());
});

test('text from right to left, and what would turn the rest around', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  for (const text of ['שלום, מה שלומך?', 'https://example.org/\u202eevil and on', 'plain']) await say(ann, text);
  await hears(ann, 'plain');
  const directions = await ann.$$eval('.bubble', (all) => all.map((bubble) => {
    const range = document.createRange();
    const text = document.createTreeWalker(bubble, NodeFilter.SHOW_TEXT).nextNode();
    const box = (at) => { range.setStart(text, at); range.setEnd(text, at + 1); return range.getBoundingClientRect().left; };
    return box(0) < box(text.data.length - 1) ? 'ltr' : 'rtl';
  }));
  assert.deepEqual(directions, ['rtl', 'ltr', 'ltr']);
  assert.equal(await ann.$eval(`${log} a`, ({ href }) => href), 'https://example.org/');
  assert.equal(await ann.getAttribute('#text', 'dir'), 'auto');
});

test('an address with a room that cannot be', async (t) => {
  const server = await startPageServer(t);
  for (const room of ['a/b', ' a', 'x'.repeat(129), '한'.repeat(43)]) {
    const ann = await openPage(t, server, { name: 'Ann', room });
    await hasText(ann, '#title', 'lobby');
    await hasText(ann, '#notice', 'A room name must have 1 to 128 bytes, without / , ? or #.');
    assert.equal(new URL(ann.url()).hash, '#lobby');
  }
});

for (const [what, viewport] of [['320 pixels', { width: 320, height: 568 }], ['a desktop at 200 %', { width: 640, height: 400 }]]) {
  test(`names without end: everything within reach, on ${what}`, async (t) => {
    const server = await startPageServer(t);
    const name = 'W'.repeat(64);
    const room = '방'.repeat(42);
    const ann = await openPage(t, server, { name, room, viewport });
    const bob = connectChat(t, server, { name: 'M'.repeat(128), room });
    await bob.next('named');
    for (const text of ['x'.repeat(3000), 'https://example.org/'.padEnd(3000, 'y'), '글'.repeat(1000)]) await bob.send(text, { room });
    await bob.send({ event: 'e'.repeat(128), args: ['z'.repeat(2000)] }, { room });
    await ann.waitForFunction(() => document.querySelectorAll('.row').length === 4);
    await ann.click('#open-rooms');
    await joinByHand(ann, 'y'.repeat(128));
    await hasText(ann, '#title', 'y'.repeat(128));
    const outside = () => ann.evaluate(() => {
      const wide = [...document.querySelectorAll('body *')].filter((one) => one.checkVisibility() && !one.closest('svg, .hidden, [inert]'));
      return wide.filter((one) => {
        const { left, right, width } = one.getBoundingClientRect();
        return width > 0 && (left < -1 || right > innerWidth + 1);
      }).map((one) => `${one.tagName}.${one.className}#${one.id}`);
    });
    assert.deepEqual(await outside(), []);
    for (const drawer of ['rooms', 'people']) {
      await ann.click(`#open-${drawer}`);
      const overflow = await ann.$eval(`#${drawer}`, (panel) => panel.scrollWidth - panel.clientWidth);
      assert.equal(overflow, 0, drawer);
      if (drawer === 'rooms') await ann.click('#room-list .leave >> nth=0', { trial: true });
      await ann.keyboard.press('Escape');
    }
  });
}

test('while somebody reads further up: bounded, and the newest by one step', async (t) => {
  const server = await startPageServer(t, { args: ['--history-messages', 'off', '--inbound-rate', 'off', '--history-bytes', '8000000'] });
  const bob = connectChat(t, server);
  const ann = await openPage(t, server, { name: 'Ann' });
  let said = 0;
  const sendMany = async (count) => {
    for (const end = said + count; said < end;) await Promise.all(Array.from({ length: 500 }, () => bob.send(`message ${said++}`)));
  };
  await sendMany(500);
  await hears(ann, 'message 499');
  await ann.hover(log);
  await ann.mouse.wheel(0, -3000);
  await ann.waitForSelector('#jump:not([hidden])');
  await sendMany(6000);
  await hasTitle(ann, '(6000) lobby · Chat');
  const rows = () => ann.$$eval('.row', (all) => all.length);
  assert.ok(await rows() <= 2000, `${await rows()} rows`);
  const before = await ann.$eval(log, ({ scrollTop }) => scrollTop);
  await sendMany(500);
  await hasTitle(ann, '(6500) lobby · Chat');
  assert.equal(await ann.$eval(log, ({ scrollTop }) => scrollTop), before);

  await ann.click('#jump');
  await hears(ann, 'message 6999');
  await hasTitle(ann, 'lobby · Chat');
  await bob.send('live again');
  await hears(ann, 'live again');
  const shown = await texts(ann);
  assert.deepEqual(shown, [...Array.from({ length: shown.length - 1 }, (_, index) => `message ${7001 - shown.length + index}`), 'live again']);
  // And by scrolling back there is no hole.
  await ann.$eval(log, (element) => { element.scrollTop = 0; });
  await ann.waitForFunction((count) => document.querySelectorAll('.said').length > count, shown.length);
  const more = (await texts(ann)).slice(0, -1).map((text) => Number(text.slice(8)));
  assert.deepEqual(more, Array.from({ length: more.length }, (_, index) => 7000 - more.length + index));
});

test('one\'s own message from further up, when the newest are not on the screen', async (t) => {
  const server = await startPageServer(t, { args: ['--history-messages', 'off', '--inbound-rate', 'off', '--history-bytes', '8000000'] });
  const bob = connectChat(t, server);
  const ann = await openPage(t, server, { name: 'Ann' });
  for (let turn = 0; turn < 6; turn += 1) {
    await Promise.all(Array.from({ length: 500 }, (_, index) => bob.send(`${turn}/${index}`)));
    if (turn > 0) continue;
    await hears(ann, '0/499');
    await ann.hover(log);
    await ann.mouse.wheel(0, -3000);
    await ann.waitForSelector('#jump:not([hidden])');
  }
  await hasTitle(ann, '(2500) lobby · Chat');
  await say(ann, 'of my own');
  await hears(ann, 'of my own');
  await hears(ann, '5/499');
  assert.deepEqual((await texts(ann)).slice(-2), ['5/499', 'of my own']);
  assert.equal(await ann.$('.pending'), null);
});

test('banned from the only room: on to the server\'s own, and why; by its address the same', async (t) => {
  const testd = await startTestd(t);
  const server = await startPageServer(t, { program: testd });
  const ann = await openPage(t, server, { name: 'Ann', room: 'dev' });
  const { client } = await testd.event('open');
  assert.equal((await testd.command('ban', 0, client, 'dev', 60_000, 'enough')).error, 'OK');
  await hasText(ann, '#title', 'lobby');
  await hasText(ann, '#notice', 'You are no longer in dev: enough');
  await say(ann, 'in the lobby');
  await hears(ann, 'in the lobby');
  await ann.goto(server.http('/?again#dev'));
  await hasText(ann, '#title', 'lobby');
  await hasText(ann, '#notice', 'You are banned from this room for a while.');
  await ann.reload();
  await hears(ann, 'in the lobby');
  assert.equal(await ann.textContent('#notice'), '');
});

test('put out of every room: nothing to say, until one is entered', async (t) => {
  const testd = await startTestd(t);
  const server = await startPageServer(t, { program: testd });
  const ann = await openPage(t, server, { name: 'Ann' });
  await testd.command('close-room', 0, 'lobby', 'tidying up');
  await hasText(ann, '#notice', 'You are no longer in lobby: tidying up');
  await hasText(ann, '#title', '');
  assert.equal(await ann.isDisabled('#text'), true);
  await joinByHand(ann, 'dev');
  await hasText(ann, '#title', 'dev');
  await say(ann, 'here');
  await hears(ann, 'here');
});

test('what one says oneself is read out once, and a failure too', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  server.away = true;
  server.cut();
  await ann.waitForSelector('#banner:not([hidden])');
  await say(ann, 'waiting');
  assert.equal(await ann.getAttribute('.row.pending', 'aria-live'), 'off');
  server.away = false;
  await ann.evaluate(() => document.querySelector('#retry').click());
  await hears(ann, 'waiting');
  assert.equal(await ann.getAttribute('.row.own', 'aria-live'), null);
  assert.equal(await ann.getAttribute(log, 'aria-live'), 'polite');
});

test('a reload in the middle of a reload forgets no room', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  for (const room of ['dev', 'games']) {
    await joinByHand(ann, room);
    await hasText(ann, '#title', room);
  }
  await ann.addInitScript(() => {
    window.kept = [];
    const { setItem } = Storage.prototype;
    Storage.prototype.setItem = function keep(key, value) {
      if (key.endsWith(':rooms')) window.kept.push(JSON.parse(value).length);
      setItem.call(this, key, value);
    };
  });
  await ann.reload();
  await ann.waitForFunction(() => document.querySelectorAll('#room-list li').length === 3);
  assert.deepEqual(await ann.evaluate('window.kept'), [3, 3, 3]);
});

test('a name that is asked for without a connection: said, and had afterwards', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  server.away = true;
  server.cut();
  await ann.waitForSelector('#banner:not([hidden])');
  await ann.click('#me');
  await ann.fill('#name', 'Anna');
  await ann.press('#name', 'Enter');
  await hasText(ann, '#name-error', 'Reconnecting…');
  server.away = false;
  await ann.evaluate(() => document.querySelector('#retry').click());
  await hasText(ann, '#me b', 'Anna');
  await ann.waitForSelector('#name-dialog:not([open])', { state: 'hidden' });
});

test('a server that wants everything slowly: the name, the rooms and what was said there all the same', async (t) => {
  const server = await startPageServer(t, { args: ['--inbound-rate', '3', '--inbound-burst', '3', '--lists'] });
  const bob = connectChat(t, server, { rooms: ['dev', 'games'] });
  for (const room of ['lobby', 'dev', 'games']) {
    await bob.next('joined', (joined) => joined.room === room);
    for (let sent = false; !sent;) sent = await bob.send(`said in ${room}`, { room }).then(() => true, () => false);
  }
  const ann = await openPage(t, server, { room: 'lobby' });
  await ann.evaluate(() => {
    localStorage.setItem('chat:/:name', '"Ann"');
    localStorage.setItem('chat:/:asked', 'true');
    sessionStorage.setItem('chat:/:rooms', '["lobby","dev","games"]');
  });
  await ann.reload();
  await hasText(ann, '#me b', 'Ann');
  await ann.waitForFunction(() => document.querySelectorAll('#room-list li').length === 3);
  for (const room of ['games', 'dev', 'lobby']) {
    await ann.click(`#room-list .room >> text=${room}`);
    await hears(ann, `said in ${room}`);
    assert.equal(await ann.$(`${log} .gap`), null);
  }
  await hasText(ann, '#people-count', '2');
});

test('a connection that is lost before the first messages are there: they come with the next', async (t) => {
  const server = await startPageServer(t);
  const bob = connectChat(t, server);
  await bob.send('said before');
  const context = await newContext(t);
  const tab = await context.newPage();
  // The answer to the first question for history is lost, and the connection with it.
  let questions = 0;
  await tab.routeWebSocket(/chat\.v1/, (socket) => {
    const far = socket.connectToServer();
    socket.onMessage((data) => {
      const asks = JSON.parse(data).type === 'history';
      questions += asks;
      if (asks && questions === 1) socket.close({ code: 1011 });
      else far.send(data);
    });
  });
  await tab.goto(server.http('/'));
  await hears(tab, 'said before');
  assert.equal(questions, 2);
});
