// The chat page and messages that are made to harm whoever has it open: text that costs time, pictures that cost memory, names that
// look like others. In chromium, from the real server, under its policy.
import assert from 'node:assert/strict';
import { deflateSync } from 'node:zlib';
import { connectChat } from './chat_js_support.mjs';
import { hasText, hasTitle, hears, openPage, skip, startPageServer } from './page_support.mjs';
import { connect, startTestd, test as plainTest } from './support.mjs';

const test = (name, body) => plainTest(name, { skip }, body);

const log = '.log:not([hidden])';
const maxMessage = 65_536;
const fill = (start, unit) => start + unit.repeat(Math.floor((maxMessage - Buffer.byteLength(start)) / Buffer.byteLength(unit)));

// The processor's time of the page's own thread so far: what the rest of the machine does is not in it.
async function startClock(tab) {
  const devtools = await tab.context().newCDPSession(tab);
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  return async () => {
    const { metrics } = await devtools.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration').value;
  };
}

const hostile = {
  'closing brackets behind an address': fill('http://a/', ')'),
  'dots and a letter': `${fill('http://a/', '.').slice(0, -1)}x`,
  'brackets and dots': fill('http://a/', '.)'),
  'links without end': fill('', 'http://a '),
  'addresses of the largest size': fill('', `http://a/${')'.repeat(2038)} `),
  'mentions': fill('', '@a '),
  'line feeds': fill('a', '\n').slice(0, -1).concat('b'),
  'spaces': `a${fill('', ' ').slice(2)}b`,
  'combining characters': fill('a', '\u0301'),
  'emoji': fill('', '👩‍👩‍👧'),
  'emoji joined without end': fill('', '👩‍'),
  'marks of direction': fill('a', '\u202e'),
  'isolates, opened and closed': `${'\u2067'.repeat(10_000)}x${'\u2069'.repeat(10_000)}`,
  'right to left and left to right': fill('', 'אa'),
  'one word': fill('', 'x'),
  'words of one letter': fill('', 'x '),
  'tabs': fill('', 'x\t'),
  'JSON': fill('', '{"a":[1]}'),
};

test('one message of 64 KiB costs every page that is open, and every page that is opened later, little', async (t) => {
  const server = await startPageServer(t, { args: ['--inbound-rate', 'off'] });
  const ann = await openPage(t, server, { name: 'Ann' });
  const terminal = await connect(t, server.url());
  const clock = await startClock(ann);
  for (const [what, text] of Object.entries(hostile)) {
    const before = await clock();
    terminal.send(text);
    terminal.send(`behind ${what}`);
    await hears(ann, `behind ${what}`);
    // Drawn, too.
    await ann.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); }));
    const seconds = await clock() - before;
    // A minute and more when the work grew with the square of the size; a few tenths of a second in proportion to it.
    assert.ok(seconds < 5, `${what}: ${seconds} s`);
    const [length, height, links] = await ann.$eval(`${log} .row:nth-last-child(2 of .row)`, (row) => [
      row.querySelector('.said').textContent.length, row.getBoundingClientRect().height, row.querySelectorAll('a').length]);
    assert.ok(length <= 4001, `${what}: ${length} characters`);
    assert.ok(height < 8000, `${what}: ${height} pixels`);
    assert.ok(links < 500, `${what}: ${links} links`);
  }
  const late = await openPage(t, server, { name: 'Bob' });
  await hears(late, `behind ${Object.keys(hostile).at(-1)}`);

  // The rest is there for whoever wants it, all at once.
  const before = await clock();
  const buttons = await ann.$$(`${log} .more`);
  assert.equal(buttons.length, Object.keys(hostile).length);
  for (const button of buttons) await button.evaluate((one) => one.click());
  const said = await ann.$$eval(`${log} .said`, (all) => all.map(({ textContent }) => textContent));
  assert.deepEqual(said.filter((text) => !text.startsWith('behind ')), Object.values(hostile));
  assert.ok(await clock() - before < 20);
  assert.equal(await ann.$(`${log} .more`), null);
});

test('long messages without end: the page keeps the newest 16 MB of them', async (t) => {
  const server = await startPageServer(t, { args: ['--inbound-rate', 'off', '--outbox-bytes', '100000000'] });
  const ann = await openPage(t, server, { name: 'Ann' });
  const terminal = await connect(t, server.url());
  const bob = connectChat(t, server);
  await bob.opened();
  const file = new Uint8Array(45_000);
  for (let turn = 0; turn < 5; turn += 1) {
    for (let count = 0; count < 60; count += 1) terminal.send('x'.repeat(maxMessage - 100));
    await Promise.all(Array.from({ length: 20 }, () => bob.send({ args: [file] })));
    await bob.send(`turn ${turn}`);
    await hears(ann, `turn ${turn}`);
  }
  const kept = await ann.$$eval(`${log} .row`, (rows) => rows.map((row) => [row.querySelector('.said')?.textContent.length ?? 0, row.querySelectorAll('a.file').length]));
  const size = kept.reduce((sum, [length, files]) => sum + (length > 1000 ? 65_436 : length) + files * 45_000, 0);
  assert.ok(size > 8_000_000 && size <= 16_000_000, `${size} in ${kept.length} rows`);
});

test('a long message is cut, with a button for the rest; a link that is cut is no link', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  const bob = connectChat(t, server, { name: 'Bob' });
  const text = `${'x'.repeat(3980)} https://example.org/${'y'.repeat(100)} end`;
  await bob.send(text);
  await bob.send({ event: 'numbers', args: [Array.from({ length: 3000 }, (_, index) => index)] });
  await ann.waitForFunction(() => document.querySelectorAll('.more').length === 2);
  assert.deepEqual(await ann.$$eval(`${log} .said`, (all) => all.map(({ textContent }) => textContent.length)), [4001, 4001]);
  assert.equal(await ann.$(`${log} a`), null);
  assert.equal(await ann.textContent(`${log} .more`), 'Show all (4,105 characters)');
  await ann.click(`${log} .more >> nth=0`);
  assert.equal(await ann.textContent(`${log} .said`), text);
  assert.equal(await ann.$eval(`${log} a`, ({ href }) => href.length), 120);
  assert.equal(await ann.evaluate(() => document.activeElement.className), 'said');
  const korean = await openPage(t, server, { name: '은하', locale: 'ko-KR' });
  await hasText(korean, `${log} .more`, '전체 보기 (4,105자)');
});

// Pictures ----------------------------------------------------------------------------------------------------------

// Node has one from version 22 on.
function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

// All white, one bit for each pixel: 20,000 times 24,000 of them are 58 KB.
function png(width, height) {
  const chunk = (name, data) => {
    const named = Buffer.concat([Buffer.from(name, 'latin1'), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc(named));
    return Buffer.concat([length, named, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc(height * (1 + Math.ceil(width / 8))), { level: 9 });
  return Uint8Array.from(Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]));
}

test('a picture of half a billion pixels is shown only to who asks for it', async (t) => {
  const server = await startPageServer(t, { args: ['--max-message-bytes', '200000'] });
  const ann = await openPage(t, server, { name: 'Ann' });
  const bob = connectChat(t, server, { name: 'Bob' });
  const bomb = png(20_000, 24_000);
  await bob.send({ event: 'file', args: ['bomb.png', bomb] });
  await bob.send({ event: 'file', args: ['cut.png', bomb.subarray(0, 20)] });
  await bob.send({ event: 'file', args: ['wide.png', png(9000, 1)] });
  await bob.send({ event: 'files', args: [png(3500, 4000), png(3500, 4000), png(1, 1)] });
  await bob.send({ event: 'file', args: ['small.png', png(64, 64)] });
  await ann.waitForFunction(() => document.querySelectorAll('a.file').length === 7);
  const images = () => ann.$$eval(`${log} img.picture`, (all) => all.map(({ alt }) => alt));
  assert.deepEqual(await images(), ['Image: file-1.bin', 'Image: file-3.bin', 'Image: small.png']);
  assert.deepEqual(await ann.$$eval(`${log} .more`, (all) => all.map(({ textContent }) => textContent)),
    ['Show image (20,000 × 24,000 pixels)', 'Show image', 'Show image (9,000 × 1 pixels)', 'Show image (3,500 × 4,000 pixels)']);
  // Each has its file to download in any case, and by the keyboard the picture.
  await ann.focus(`${log} .more >> nth=2`);
  await ann.keyboard.press('Enter');
  await ann.waitForFunction(() => [...document.querySelectorAll('img.picture')].some(({ naturalWidth }) => naturalWidth === 9000));
  assert.equal(await ann.evaluate(() => document.activeElement.download), 'wide.png');
  assert.equal((await images()).length, 4);
  const korean = await openPage(t, server, { name: '은하', locale: 'ko-KR' });
  await korean.waitForFunction(() => document.querySelectorAll('a.file').length === 7);
  assert.equal(await korean.textContent(`${log} .more`), '이미지 보기 (20,000 × 24,000픽셀)');
});

// Names -------------------------------------------------------------------------------------------------------------

const people = (tab) => tab.$$eval(`${log} .row:not(.own) .meta`, (all) => all.map((meta) => {
  const mark = meta.querySelector('.mark');
  return meta.querySelector('b').textContent + (mark && !mark.hidden ? ` ${mark.textContent}` : '');
}));

test('two people of one name are told apart in the log, from the moment that there are two', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  const speak = async (name) => {
    const client = connectChat(t, server, { name });
    await client.next('named');
    await client.send(`I am ${name}`);
    await hears(ann, `I am ${name}`);
    return client;
  };
  const bob = await speak('Bob');
  await bob.send('once more');
  await hears(ann, 'once more');
  assert.deepEqual(await people(ann), ['Bob', 'Bob']);
  const other = await speak('B\u200bob');
  const third = await speak('ＢＯＢ');
  const carl = await speak('Carl');
  assert.deepEqual(await people(ann), [`Bob #${bob.id}`, `Bob #${bob.id}`, `Bob #${other.id}`, `ＢＯＢ #${third.id}`, 'Carl']);
  // Text for everybody, also for who hears the page.
  assert.equal(await ann.$eval(`${log} .mark:not([hidden])`, (mark) => mark.closest('[aria-hidden="true"]')), null);

  // Whoever has the name of who looks, of the server or of a guest, or writes the number of another one into the name.
  await ann.fill('#text', 'mine');
  await ann.press('#text', 'Enter');
  await hears(ann, 'mine');
  const [ann2, you, faker, guest] = [await speak('Ann'), await speak('You'), await speak(`Carl #${carl.id}`), await speak('guest-999')];
  assert.deepEqual((await people(ann)).slice(-4), [`Ann #${ann2.id}`, `You #${you.id}`, `Carl #${carl.id} #${faker.id}`, `guest-999 #${guest.id}`]);
  const late = await openPage(t, server, { name: 'Dora' });
  await hears(late, 'I am guest-999');
  assert.deepEqual((await people(late)).slice(0, 5), [`Bob #${bob.id}`, `Bob #${bob.id}`, `Bob #${other.id}`, `ＢＯＢ #${third.id}`, 'Carl']);
});

test('a name that is the server\'s is marked, and the server\'s own is not', async (t) => {
  const testd = await startTestd(t);
  const server = await startPageServer(t, { program: testd });
  const ann = await openPage(t, server, { name: 'Ann' });
  const faker = connectChat(t, server, { name: 'server' });
  await faker.next('named');
  await faker.send('I am the server');
  await testd.command('broadcast', 0, 'lobby', 'from the server itself');
  await hears(ann, 'from the server itself');
  assert.deepEqual(await people(ann), [`server #${faker.id}`, 'Server']);
});

test('names of rooms and files, wherever they are shown: what is not seen is written out', async (t) => {
  const server = await startPageServer(t, { args: ['--lists'] });
  const [room, shownRoom] = ['lobby\u200b', 'lobby⟨U+200B⟩'];
  const [turned, shownTurned] = ['\u202eybbol', '⟨U+202E⟩ybbol'];
  const bob = connectChat(t, server, { rooms: [room, turned] });
  await bob.next('joined', (joined) => joined.room === turned);
  await bob.send({ event: 'file\u202e', args: ['holiday\u202egpj.exe', Uint8Array.of(0x4d, 0x5a)] }, { room });
  const ann = await openPage(t, server, { name: 'Ann', room });
  await ann.waitForSelector(`${log} a.file`);
  await ann.waitForFunction(() => document.querySelectorAll('#other-list .name').length === 2);
  assert.equal(await ann.textContent('#title'), shownRoom);
  await hasTitle(ann, `${shownRoom} · Chat`);
  assert.deepEqual(await ann.$$eval('#other-list .name', (all) => all.map(({ textContent }) => textContent).sort()), ['lobby', shownTurned]);
  assert.equal(await ann.getAttribute(log, 'aria-label'), `Messages in ${shownRoom}`);
  assert.equal(await ann.textContent(`${log} .event`), 'file⟨U+202E⟩');
  assert.deepEqual(await ann.$eval(`${log} a.file`, ({ download, children }) => [download, children[1].textContent]),
    ['holiday⟨U+202E⟩gpj.exe', 'holiday⟨U+202E⟩gpj.exe']);
  await ann.click(`#other-list .room:has-text("ybbol")`);
  await hasText(ann, '#title', shownTurned);
  assert.deepEqual(await ann.$$eval('#room-list .room', (all) => all.map((button) => button.getAttribute('aria-label'))), [shownRoom, shownTurned]);
  assert.deepEqual(await ann.$$eval('#room-list .leave', (all) => all.map((button) => [button.title, button.getAttribute('aria-label')])),
    [shownRoom, shownTurned].map((name) => [`Leave ${name}`, `Leave ${name}`]));

  // No invisible character from anybody is anywhere in the document, but for what people say.
  const hidden = await ann.evaluate(() => {
    const found = [];
    const bad = /[\u200b\u202a-\u202e\u2060-\u2067]/;
    for (const one of document.querySelectorAll('*')) {
      for (const { name, value } of one.attributes) if (bad.test(value) && !name.startsWith('data-')) found.push(`${one.tagName} ${name}`);
      for (const child of one.childNodes) if (child.nodeType === Node.TEXT_NODE && bad.test(child.data) && !one.closest('.said')) found.push(one.outerHTML);
    }
    return found.concat(bad.test(document.title) ? ['title'] : []);
  });
  assert.deepEqual(hidden, []);
});

test('an address with a user name, which looks like another host, is no link', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  const bob = connectChat(t, server);
  await bob.send('https://good.example@evil.example/ https://good.example/@evil.example');
  await ann.waitForSelector(`${log} .said`);
  assert.deepEqual(await ann.$$eval(`${log} a`, (all) => all.map(({ href }) => href)), ['https://good.example/@evil.example']);
});

test('many who type at once cost little', async (t) => {
  const server = await startPageServer(t, { args: ['--max-clients-per-address', 'off'] });
  const ann = await openPage(t, server, { name: 'Ann' });
  const clients = Array.from({ length: 40 }, () => connectChat(t, server));
  await Promise.all(clients.map((client) => client.opened()));
  for (const client of clients) await client.send({ event: 'typing', text: '' }, { ephemeral: true });
  await hasText(ann, '#typing', 'Several people are typing…');
});
