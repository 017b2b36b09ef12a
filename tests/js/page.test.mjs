// The chat page as people use it: in chromium, with the real server, under the page's security policy.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { connectChat } from './chat_js_support.mjs';
import { accessibilityFaults, comeBack, hasText, hasTitle, hears, openPage, say, skip, startPageServer, texts } from './page_support.mjs';
import { connectSocketIo } from './socket_io_support.mjs';
import { connect, connectV1, sourceDir, startChatd, startTestd, test as plainTest } from './support.mjs';

const test = (name, body) => plainTest(name, { skip }, body);

const png = Uint8Array.from(Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64'));

test('two pages, a Socket.IO client and a terminal in one room', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  const bob = await openPage(t, server, { name: 'Bob' });
  const terminal = await connect(t, server.url());
  const socket = await connectSocketIo(t, { url: server.url, http: (address) => server.program.http(address), port: server.program.port });

  await say(ann, 'from Ann');
  await hears(bob, 'from Ann');
  assert.deepEqual((await socket.take(([event]) => event === 'chat message')).slice(0, 2), ['chat message', 'from Ann']);
  assert.equal(await terminal.take(), 'from Ann');
  socket.emit('chat message', 'from Socket.IO');
  await hears(ann, 'from Socket.IO');
  terminal.send('from a terminal');
  socket.emit('cursor', { x: 1 }, [true, null], 'with a name');
  socket.emit('answer', 'one text');
  for (const tab of [ann, bob]) {
    await hears(tab, 'one text');
    assert.deepEqual(await texts(tab), ['from Ann', 'from Socket.IO', 'from a terminal', '[{"x":1},[true,null],"with a name"]', 'one text']);
    assert.deepEqual(await tab.$$eval('.event', (all) => all.map(({ textContent }) => textContent)), ['cursor', 'answer']);
  }
  assert.equal(await bob.textContent('.row .meta b'), 'Ann');
  assert.equal(await ann.textContent('.row.own .meta b'), 'You');
  assert.equal(await ann.$('.pending'), null);

  // Who comes later sees what was said.
  const eve = await openPage(t, server, { name: 'Eve' });
  await hears(eve, 'one text');
  assert.equal((await texts(eve)).length, 5);
  await hasText(eve, '.log .top', 'This is where the conversation begins.');
});

test('who is here, and who is typing', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  const bob = await openPage(t, server, { name: 'Bob' });
  const people = (tab, names) => tab.waitForFunction((wanted) => [...document.querySelectorAll('#people-list .name')]
    .map(({ textContent }) => textContent).join() === wanted, names);
  await people(ann, 'Ann,Bob');
  await people(bob, 'Bob,Ann');
  await bob.type('#text', 'well');
  await hasText(ann, '#typing', '\u2068Bob\u2069 is typing…');
  await bob.press('#text', 'Enter');
  await hears(ann, 'well');
  await hasText(ann, '#typing', '');
  // Neither of the two events is a message, for a page that reads the history neither.
  await bob.click('#me');
  await bob.fill('#name', 'Robert');
  await bob.click('#name-save');
  await people(ann, 'Ann,Robert');
  assert.deepEqual(await texts(ann), ['well']);
  assert.equal(await ann.$('.event'), null);
});

test('with presence the page shows who is here and who is away, and asks for nothing', async (t) => {
  const server = await startPageServer(t, { args: ['--presence', 'full'] });
  const bob = connectChat(t, server, { name: 'Bob' });
  await bob.next('presence', ({ people }) => people?.length === 1);
  const ann = await openPage(t, server, { name: 'Ann' });
  const sent = [];
  const people = (...wanted) => ann.waitForFunction((all) => [...document.querySelectorAll('#people-list li')]
    .map(({ textContent, className }) => `${textContent}${className && `|${className}`}`).join() === all, wanted.join());
  await people('AAnnYou', 'BBob');
  await hasText(ann, '#people-count', '2');
  bob.on('message', ({ event }) => sent.push(event));
  await bob.setState({ away: true });
  await people('AAnnYou', 'BBobAway|away');
  await bob.setState(null);
  await people('AAnnYou', 'BBob');

  // A page that has been hidden for a minute is away.
  await ann.clock.install();
  await ann.look(false);
  await ann.clock.fastForward(61_000);
  await bob.next('presence', ({ changed }) => changed.some(({ name, state }) => name === 'Ann' && state?.away === true));
  await ann.look(true);
  await bob.next('presence', ({ changed }) => changed.some(({ name, state }) => name === 'Ann' && state === undefined));
  await bob.close();
  await people('AAnnYou');
  assert.deepEqual(sent, []);
});

test('in a large room, and without the right to list people, the page shows their number', async (t) => {
  const server = await startPageServer(t, { args: ['--presence', 'counts'] });
  const bob = connectChat(t, server);
  const ann = await openPage(t, server, { name: 'Ann' });
  await hasText(ann, '#people-count', '2');
  await hasText(ann, '#people-list', '2 people');
  await bob.close();
  await hasText(ann, '#people-count', '1');
});

test('a list of people that is kept secret', async (t) => {
  const server = await startPageServer(t, { program: await startChatd(t, ['--page', 'off']) });
  const ann = await openPage(t, server, { name: 'Ann' });
  await ann.waitForSelector('#people-hint:not([hidden])');
  assert.equal(await ann.textContent('#people-hint'), 'This server does not show who is here.');
  assert.equal(await ann.textContent('#people-count'), '');
});

test('the server is restarted: what waited is sent, and what is missing is told', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  await say(ann, 'before');
  await hears(ann, 'before');
  server.away = true;
  server.program.kill('SIGTERM');
  await ann.waitForSelector('#banner:not([hidden])');
  assert.match(await ann.textContent('#banner-text'), /^Connection lost\. Trying again/);
  await say(ann, 'meanwhile');
  assert.equal(await ann.textContent('.pending .note'), 'Sending…');
  server.program = await startChatd(t);
  const bob = connectChat(t, server, { name: 'Bob' });
  await bob.next('named');
  await bob.send('anew');
  server.away = false;
  await comeBack(ann);
  await hears(ann, 'meanwhile');
  assert.deepEqual(await texts(ann), ['before', 'anew', 'meanwhile']);
  assert.equal(await ann.textContent('.row.gap'), 'The server restarted. Some messages may be missing.');
  assert.equal(await ann.isHidden('#banner'), true);
  assert.equal((await bob.next('message', ({ text }) => text === 'meanwhile')).from.name, 'Ann');
});

test('cut off for too long: a gap; not for long: none', async (t) => {
  const server = await startPageServer(t, { args: ['--history-messages', '5'] });
  const ann = await openPage(t, server, { name: 'Ann' });
  const bob = connectChat(t, server);
  await bob.send('0');
  await hears(ann, '0');
  for (const [count, gaps] of [[3, 0], [9, 1]]) {
    server.away = true;
    server.cut();
    await ann.waitForSelector('#banner:not([hidden])');
    for (let number = 1; number <= count; number += 1) await bob.send(`${gaps}.${number}`);
    server.away = false;
    await comeBack(ann);
    await hears(ann, `${gaps}.${count}`);
    assert.deepEqual(await ann.$$eval('.row.gap', (all) => all.map(({ textContent }) => textContent)),
      gaps ? ['Some messages could not be loaded.'] : []);
  }
  assert.deepEqual(await texts(ann), ['0', '0.1', '0.2', '0.3', '1.5', '1.6', '1.7', '1.8', '1.9']);
});

test('refused and kicked: the reason, and a way back; out of a room', async (t) => {
  const testd = await startTestd(t);
  const server = await startPageServer(t, { program: testd });
  const ann = await openPage(t, server, { name: 'Ann', room: 'dev' });
  const { client } = await testd.event('open');
  assert.equal((await testd.command('kick', 0, client, '<b>enough</b>')).error, 'OK');
  await hasText(ann, '#banner-text', 'The server closed the connection: <b>enough</b>');
  await say(ann, 'not sent');
  await ann.waitForSelector('.failed');
  await comeBack(ann);
  await ann.waitForSelector('body[data-state="open"]');
  await ann.click('.failed button');
  await hears(ann, 'not sent');
  assert.equal(await ann.$('.failed'), null);
  await say(ann, '!refuse bad manners');
  await hasText(ann, '#notice', 'The server does not allow that. (bad manners)');
  await ann.click('.failed button:last-child');
  assert.equal(await ann.$('.failed'), null);

  await ann.fill('#join-room', 'other');
  await ann.press('#join-room', 'Enter');
  await hasText(ann, '#title', 'other');
  await testd.command('close-room', 0, 'other', 'tidying up');
  await hasText(ann, '#notice', 'You are no longer in other: tidying up');
  await hasText(ann, '#title', 'dev');
});

test('rooms: joined, shared by the address, left, and what is unread', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann', room: '개발 방' });
  const bob = connectChat(t, server, { rooms: ['개발 방'] });
  await bob.next('joined', ({ room }) => room === '개발 방');
  await hasText(ann, '#title', '개발 방');
  await ann.fill('#join-room', 'lobby');
  await ann.click('#join button');
  await hasText(ann, '#title', 'lobby');
  assert.equal(new URL(ann.url()).hash, '#lobby');
  await hasTitle(ann, 'lobby · Chat');

  for (const text of ['one', 'two', 'three']) await bob.send(text, { room: '개발 방' });
  await hasTitle(ann, '(3) lobby · Chat');
  assert.equal(await ann.getAttribute('.room:not([aria-current])', 'aria-label'), '개발 방, 3 unread');
  await ann.look(false);
  await bob.send('four', { room: 'lobby' });
  await hasTitle(ann, '(4) lobby · Chat');
  await ann.look(true);
  await hasTitle(ann, '(3) lobby · Chat');
  await ann.press('#text', 'Alt+ArrowUp');
  await hasTitle(ann, '개발 방 · Chat');
  await hears(ann, 'three');
  assert.equal(await ann.textContent('.log:not([hidden]) .new'), 'New messages');

  // The same rooms after a reload, with what was said there.
  await ann.reload();
  await hears(ann, 'three');
  await ann.waitForFunction(() => document.querySelectorAll('.room').length === 2);
  await ann.evaluate(() => { location.hash = '#third'; });
  await hasText(ann, '#title', 'third');
  await ann.click('[aria-label="Leave third"]');
  await hasText(ann, '#title', '개발 방');
  await ann.fill('#join-room', 'a/b');
  await ann.press('#join-room', 'Enter');
  await hasText(ann, '#join-error', 'A room name must have 1 to 128 bytes, without / , ? or #.');
});

test('markup in names, rooms and messages stays text, and only web addresses become links', async (t) => {
  const markup = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>';
  const room = '<img src=x onerror=window.broken=1>';
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: '<b>Ann</b>', room });
  const eve = connectChat(t, server, { room, name: '<img src=x onerror=window.broken=1>' });
  await eve.next('named');
  const all = [markup, 'javascript:window.broken=1 data:text/html,x', 'see (https://example.org/a_(b)?q=1&r="2), and http://xn--h1alffa9f.example/.',
    'https://user:pass@example.org:99999/ http://[ https://ok.example'];
  for (const text of all) await eve.send(text, { room });
  await eve.send({ event: '<i>event</i>', args: [{ [markup]: markup }] }, { room });
  await eve.send({ event: 'typing', text: '' }, { room, ephemeral: true });
  await hears(ann, all.at(-1));
  await ann.waitForSelector('.event');
  await say(ann, markup);
  assert.deepEqual(await ann.$$eval('.log img, .log script, .log b b, #people img, #room-list img, .log i', (found) => found.length), 0);
  assert.equal(await ann.evaluate('window.broken'), undefined);
  assert.equal(await ann.title(), `${room} · Chat`);
  assert.equal(await ann.textContent('.row .meta b'), eve.name);
  const links = await ann.$$eval('.log a', (found) => found.map(({ href, rel, target }) => ({ href, rel, target })));
  assert.deepEqual(links.map(({ href }) => href), ['https://example.org/a_(b)?q=1&r=', 'http://xn--h1alffa9f.example/', 'https://ok.example/']);
  for (const link of links) assert.deepEqual([link.rel, link.target], ['noopener noreferrer nofollow', '_blank']);
});

test('no file of the page can make markup', () => {
  const folder = path.join(sourceDir, 'page');
  const sources = readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]);
  for (const [name, source] of [...sources, ['chat.js', readFileSync(path.join(sourceDir, 'bindings/js/chat.js'), 'utf8')]]) {
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\son\w+="|style="/, name);
  }
});

test('attachments: images by what they are, everything else to download', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  const bob = connectChat(t, server);
  await bob.send({ event: 'file', args: ['picture.png', png] });
  await bob.send({ args: [new TextEncoder().encode('<script>window.broken=1</script>')] });
  await bob.send({ event: 'file', args: ['../x/evil.html', { deep: Uint8Array.of(1, 2, 3) }] });
  await ann.waitForFunction(() => document.querySelectorAll('a.file').length === 3);
  assert.equal(await ann.$$eval('.log img', (images) => images.map(({ alt, src }) => `${alt} ${src.slice(0, 5)}`).join()), 'Image: picture.png blob:');
  await ann.waitForFunction(() => document.querySelector('.log img').naturalWidth === 1);
  assert.deepEqual(await ann.$$eval('a.file', (found) => found.map(({ download, textContent }) => [download, textContent])),
    [['picture.png', `Download picture.png ${png.length} bytes`], ['file-1.bin', 'Download file-1.bin 32 bytes'], ['file-1.bin', 'Download file-1.bin 3 bytes']]);
  assert.equal((await texts(ann)).at(-1), '["../x/evil.html",{"deep":"[3 bytes of data]"}]');
  const [download] = await Promise.all([ann.waitForEvent('download'), ann.click('a.file >> nth=1')]);
  assert.equal(download.suggestedFilename(), 'file-1.bin');
  assert.equal(readFileSync(await download.path(), 'utf8'), '<script>window.broken=1</script>');
});

test('an input method: Enter ends a syllable, and only then a message', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: '은하', locale: 'ko-KR' });
  const terminal = await connect(t, server.url());
  const devtools = await ann.context().newCDPSession(ann);
  await ann.focus('#text');
  await devtools.send('Input.insertText', { text: '안녕' });
  await devtools.send('Input.imeSetComposition', { text: '하', selectionStart: 1, selectionEnd: 1 });
  const enter = (fields) => ann.$eval('#text', (area, init) => area.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...init })), fields);
  await enter({ isComposing: true });
  await enter({ keyCode: 229 });
  assert.equal(await ann.inputValue('#text'), '안녕하');
  await devtools.send('Input.insertText', { text: '하세요' });
  await ann.press('#text', 'Shift+Enter');
  await ann.type('#text', '반갑습니다');
  await ann.press('#text', 'Enter');
  assert.equal(await terminal.take(), '안녕하세요\n반갑습니다');
  assert.equal(await ann.inputValue('#text'), '');
});

test('in Korean and in English, by what the browser asks for', async (t) => {
  const server = await startPageServer(t);
  for (const [locale, language, placeholder, state, day] of [['ko-KR', 'ko', '메시지를 입력하세요', '연결됨', /^\d{4}년 \d+월 \d+일 .요일$/],
    ['en-GB', 'en', 'Write a message', 'Connected', /^\w+day, /], ['fr-FR', 'en', 'Write a message', 'Connected', /^\w+day, /]]) {
    const tab = await openPage(t, server, { name: 'Ann', locale });
    assert.equal(await tab.getAttribute('html', 'lang'), language);
    assert.equal(await tab.getAttribute('#text', 'placeholder'), placeholder);
    assert.equal(await tab.textContent('#state-text'), state);
    await say(tab, locale);
    await hears(tab, locale);
    assert.match(await tab.textContent('.day'), day);
  }
  // Both tables say the same things.
  const source = readFileSync(path.join(sourceDir, 'page/strings.js'), 'utf8');
  const [, en, ko] = source.match(/\n {2}en: \{([^]*?)\n {2}\},\n {2}ko: \{([^]*?)\n {2}\},/);
  const keys = (table) => [...table.matchAll(/^\s+(\w+):/gm)].map(([, key]) => key);
  assert.deepEqual(keys(ko), keys(en));
});

test('a guest has a Korean name in the Korean page, and the English one elsewhere', async (t) => {
  const server = await startPageServer(t);
  const guest = await openPage(t, server, { locale: 'ko-KR' });
  await guest.waitForSelector('#name-dialog[open]');
  assert.equal(await guest.textContent('#name-dialog h2'), '어떻게 불러 드릴까요?');
  assert.match(await guest.getAttribute('#name', 'placeholder'), /^손님 \d+$/);
  await guest.click('#name-later');
  const name = await guest.textContent('#me b');
  assert.match(name, /^손님 \d+$/);
  const english = name.replace('손님 ', 'guest-');
  const ann = await openPage(t, server, { name: 'Ann', locale: 'en-US' });
  const korean = await openPage(t, server, { name: '은하', locale: 'ko-KR' });
  await guest.type('#text', '안');
  await hasText(korean, '#typing', `\u2068${name}\u2069 님이 입력 중입니다…`);
  await say(guest, '안녕하세요');
  for (const [tab, shown] of [[korean, name], [ann, english]]) {
    await hears(tab, '안녕하세요');
    assert.equal(await tab.textContent('.row:not(.own) .meta b'), shown);
    await tab.waitForFunction((wanted) => [...document.querySelectorAll('#people-list .name')]
      .some(({ textContent }) => textContent === wanted), shown);
  }
  // A name that somebody chose stays as it is, even when it looks like a guest's.
  const client = await connectV1(t, server);
  client.sendJson({ type: 'name', name: 'guest-999999', ref: 1 });
  client.sendJson({ type: 'send', text: 'chosen' });
  await hears(korean, 'chosen');
  assert.equal(await korean.$eval('.row:last-child .meta b', (element) => element.textContent), 'guest-999999');
});

test('the name: asked for once, refused, remembered', async (t) => {
  const server = await startPageServer(t, { program: await startTestd(t) });
  const ann = await openPage(t, server);
  await ann.waitForSelector('#name-dialog[open]');
  await ann.fill('#name', 'Admin');
  await ann.press('#name', 'Enter');
  await hasText(ann, '#name-error', 'The server does not allow that. (not that name)');
  await ann.fill('#name', 'Ann');
  await ann.press('#name', 'Enter');
  await hasText(ann, '#me b', 'Ann');
  await hasText(ann, '#announcer', 'You are now Ann.');
  await ann.reload();
  await hasText(ann, '#me b', 'Ann');
  assert.equal(await ann.isVisible('#name-dialog'), false);

  const later = await openPage(t, server);
  await later.waitForSelector('#name-dialog[open]');
  await later.keyboard.press('Escape');
  await later.waitForFunction(() => Object.keys(localStorage).some((key) => key.endsWith(':asked')));
  await later.reload();
  await later.waitForSelector('body[data-state="open"]');
  assert.equal(await later.isVisible('#name-dialog'), false);
});

test('with the keyboard alone', async (t) => {
  const server = await startPageServer(t);
  const bob = connectChat(t, server, { rooms: ['dev'] });
  await bob.opened();
  const ann = await openPage(t, server);
  const { keyboard } = ann;
  await ann.waitForSelector('#name-dialog[open]');
  await keyboard.type('Ann');
  await keyboard.press('Enter');
  await ann.waitForFunction(() => document.activeElement.id === 'text');
  await keyboard.type('hello');
  await keyboard.press('Enter');
  assert.equal((await bob.next('message', ({ text }) => text === 'hello')).from.name, 'Ann');
  // Back through the parts: messages, rooms; and on to the field for another room.
  const focused = () => ann.evaluate(() => document.activeElement.id || document.activeElement.className);
  await keyboard.press('Shift+F6');
  assert.equal(await focused(), 'log');
  await keyboard.press('Shift+F6');
  assert.equal(await focused(), 'room');
  await keyboard.press('Tab');
  assert.equal(await focused(), 'join-room');
  assert.notEqual(await ann.$eval('#join-room', (field) => getComputedStyle(field).outlineStyle), 'none');
  await keyboard.type('dev');
  await keyboard.press('Enter');
  await hasText(ann, '#title', 'dev');
  for (let part = 0; part < 2; part += 1) await keyboard.press('F6');
  while (await focused() !== 'text') await keyboard.press('F6');
  await keyboard.type('in dev');
  await keyboard.press('Enter');
  assert.equal((await bob.next('message', ({ text }) => text === 'in dev')).room, 'dev');
  await keyboard.press('Alt+ArrowDown');
  await hasText(ann, '#title', 'lobby');
});

test('a long conversation: older messages by scrolling, and the newest stay fluent', async (t) => {
  const server = await startPageServer(t, { args: ['--history-messages', 'off', '--inbound-rate', 'off', '--history-bytes', '8000000'] });
  const bob = connectChat(t, server);
  await bob.opened();
  const sendAll = (from, to) => Promise.all(Array.from({ length: to - from }, (_, index) => bob.send(`message ${from + index}`)));
  await sendAll(0, 400);
  const ann = await openPage(t, server, { name: 'Ann' });
  await hears(ann, 'message 399');
  assert.equal((await texts(ann)).length, 50);
  // Each time that the top is reached there is more, until there is none; what is in sight does not jump.
  for (let turn = 0; !(await texts(ann)).includes('message 0'); turn += 1) {
    assert.ok(turn < 10);
    const before = (await texts(ann)).length;
    await ann.$eval('.log:not([hidden])', (log) => { log.scrollTop = 0; });
    await ann.waitForFunction((count) => document.querySelectorAll('.said').length > count, before);
  }
  assert.deepEqual(await texts(ann), Array.from({ length: 400 }, (_, index) => `message ${index}`));
  await ann.$eval('.log:not([hidden])', (log) => { log.scrollTop = 0; });
  await hasText(ann, '.top', 'This is where the conversation begins.');
  await bob.send('below');
  await hasText(ann, '#jump', '1 new message');
  await hasTitle(ann, '(1) lobby · Chat');
  await ann.click('#jump');
  await hasTitle(ann, 'lobby · Chat');

  await sendAll(400, 3000);
  await hears(ann, 'message 2999');
  const rows = await ann.$$eval('.row', (all) => all.length);
  assert.ok(rows <= 2000, `${rows} rows`);
  const shown = (await texts(ann)).filter((text) => text !== 'below').map((text) => Number(text.slice(8)));
  assert.deepEqual(shown, Array.from({ length: shown.length }, (_, index) => 3000 - shown.length + index));
  await ann.waitForFunction(() => {
    const { scrollHeight, scrollTop, clientHeight } = document.querySelector('.log:not([hidden])');
    return scrollHeight - scrollTop - clientHeight < 60;
  });
});

for (const locale of ['en-US', 'ko-KR']) {
  test(`axe finds nothing, in ${locale}: light and dark, desktop and phone`, async (t) => {
    const server = await startPageServer(t, { args: ['--lists'] });
    const names = ['Ann', 'Bob', '은하', '준호', 'Eve', '서연', 'Dora', 'Carl', 'Mallory', 'Zoë', '민아', 'Olga'];
    for (const name of names) {
      const client = connectChat(t, server, { name, rooms: ['dev'] });
      await client.next('named');
      await client.send(`I am ${name}: https://example.org/`);
      await client.send({ event: 'file', args: ['a.png', png] });
    }
    // Told from the first of this name, with a message that is cut and a picture that waits for a click.
    const twin = connectChat(t, server, { name: 'Bob', rooms: ['dev'] });
    await twin.next('named');
    await twin.send('long '.repeat(2000));
    await twin.send({ event: 'file', args: ['cut.png', png.subarray(0, 20)] });
    for (const colorScheme of ['light', 'dark']) {
      for (const viewport of [{ width: 1200, height: 900 }, { width: 390, height: 800 }]) {
        const tab = await openPage(t, server, { locale, colorScheme, viewport, reducedMotion: 'reduce' });
        const clean = async (where) => assert.deepEqual(await accessibilityFaults(tab), [], `${colorScheme} ${viewport.width} ${where}`);
        await tab.waitForSelector('#name-dialog[open]');
        await clean('the name');
        await tab.keyboard.press('Escape');
        await tab.waitForFunction(() => document.querySelectorAll('.mark:not([hidden])').length === 4 && document.querySelectorAll('.more').length === 2);
        await clean('a conversation');
        if (viewport.width < 500) {
          await tab.click('#open-rooms');
          await tab.waitForSelector('#others:not([hidden])');
          await clean('the rooms of the server');
          await tab.keyboard.press('Escape');
        } else await tab.waitForSelector('#others:not([hidden])');
        await tab.evaluate(() => { location.hash = '#dev'; });
        await hasText(tab, '#title', 'dev');
        await clean('an empty room');
        await tab.evaluate(() => { location.hash = '#lobby'; });
        await hasText(tab, '#title', 'lobby');
        await tab.waitForFunction((count) => Number(document.querySelector('#people-count').textContent) > count, names.length);
        server.away = true;
        server.cut();
        await tab.waitForSelector('#banner:not([hidden])');
        await say(tab, 'waiting');
        await clean('a conversation without a connection');
        server.away = false;
        await comeBack(tab);
        await hears(tab, 'waiting');
        if (viewport.width < 500) {
          for (const drawer of ['rooms', 'people']) {
            await tab.click(`#open-${drawer}`);
            await clean(drawer);
            await tab.keyboard.press('Escape');
            assert.equal(await tab.evaluate(() => document.activeElement.id), `open-${drawer}`);
          }
        }
      }
    }
  });
}
