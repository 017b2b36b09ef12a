// Files in the chat page: sent with the button, by dragging and by pasting, as a person does it in chromium; what is refused,
// and in which words; files that are made to deceive; and the history, which is read backwards by scrolling up.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { Proxy, connectChat } from './chat_js_support.mjs';
import { hasText, hears, openPage, say, skip, startPageServer, texts } from './page_support.mjs';
import { startChatd, temporaryFolder, test as plainTest } from './support.mjs';

const test = (name, body) => plainTest(name, { skip }, body);
const log = '.log:not([hidden])';

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

// A picture of one color.
function png(width, height) {
  const chunk = (kind, data) => {
    const made = Buffer.alloc(12 + data.length);
    made.writeUInt32BE(data.length);
    made.write(kind, 4);
    data.copy(made, 8);
    made.writeUInt32BE(crc32(made.subarray(4, -4)), made.length - 4);
    return made;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, 0, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.alloc((width + 1) * height, 0x80))), chunk('IEND', Buffer.alloc(0))]);
}

function filesIn(t, files) {
  const folder = path.join(temporaryFolder(t), 'files');
  mkdirSync(folder);
  return Object.entries(files).map(([name, bytes]) => {
    const file = path.join(folder, name);
    if (bytes === null) mkdirSync(file);
    else writeFileSync(file, bytes);
    return file;
  });
}

// With the button. The browser asks playwright instead of a person as long as somebody listens.
async function choose(tab, files) {
  if (tab.listenerCount('filechooser') === 0) tab.on('filechooser', () => {});
  const [chooser] = await Promise.all([tab.waitForEvent('filechooser'), tab.click('#attach')]);
  await chooser.setFiles(files);
}

// As the browser sees a drag from another program.
async function drag(tab, selector, data, then = ['drop']) {
  const devtools = await tab.context().newCDPSession(tab);
  const box = await tab.locator(selector).boundingBox();
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const send = (type) => devtools.send('Input.dispatchDragEvent', { type, ...at, data: { items: [], dragOperationsMask: 1, ...data } });
  await send('dragEnter');
  await send('dragOver');
  const seen = await tab.isVisible('#drop');
  for (const type of then) await send(type);
  return seen;
}

const sentFiles = (tab) => tab.$$eval(`${log} .row:not(.pending) a.file`, (all) => all.map(({ download, textContent }) => [download, textContent]));
const hasFiles = (tab, count) => tab.waitForFunction(([selector, wanted]) => document.querySelectorAll(selector).length === wanted, [`${log} .row:not(.pending) a.file`, count]);
const failures = (tab) => tab.$$eval(`${log} .row.failed .note`, (all) => all.map(({ textContent }) => textContent));
const hasFailures = (tab, count) => tab.waitForFunction(([selector, wanted]) => document.querySelectorAll(selector).length === wanted, [`${log} .row.failed`, count]);

test('with the button: a picture, and another file to download', async (t) => {
  const server = await startPageServer(t);
  const [ann, bob] = [await openPage(t, server, { name: 'Ann' }), await openPage(t, server, { name: 'Bob' })];
  const carl = connectChat(t, server);
  await carl.opened();
  const picture = png(40, 30);
  const notes = 'first\n<b>second</b>\n';
  await choose(ann, filesIn(t, { '사진.png': picture, 'notes.txt': notes }));
  for (const tab of [ann, bob]) {
    await hasFiles(tab, 2);
    assert.deepEqual(await sentFiles(tab), [['사진.png', `Download 사진.png ${picture.length} bytes`], ['notes.txt', 'Download notes.txt 20 bytes']]);
    await tab.waitForFunction((selector) => document.querySelector(selector).naturalWidth === 40, `${log} img.picture`);
    assert.equal(await tab.$(`${log} .event`), null);
  }
  const heard = [await carl.next('message', ({ event }) => event === 'file'), await carl.next('message', ({ event }) => event === 'file')];
  assert.deepEqual(heard.map(({ event, args }) => [event, args]), [['file', ['사진.png', Uint8Array.from(picture)]], ['file', ['notes.txt', new TextEncoder().encode(notes)]]]);
  const [download] = await Promise.all([bob.waitForEvent('download'), bob.click(`${log} a.file >> nth=1`)]);
  assert.equal(download.suggestedFilename(), 'notes.txt');
  assert.equal(readFileSync(await download.path(), 'utf8'), notes);
  assert.equal(await ann.$(`${log} .pending`), null);
  assert.equal(await ann.$$eval(`${log} .row.own`, (all) => all.length), 2);
  assert.equal(await ann.evaluate(() => document.activeElement.id), 'text');
  // The same file again, and an empty one.
  await choose(ann, filesIn(t, { 'notes.txt': '' }));
  await hasFiles(bob, 3);
  assert.deepEqual((await sentFiles(bob)).at(-1), ['notes.txt', 'Download notes.txt 0 bytes']);
  // With the keyboard.
  await ann.focus('#attach');
  const [chooser] = await Promise.all([ann.waitForEvent('filechooser'), ann.keyboard.press('Enter')]);
  assert.equal(chooser.isMultiple(), true);
});

test('by dragging: onto the page, beside it, and away again', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  const [one, two, three] = filesIn(t, { 'one.png': png(8, 8), 'two.txt': 'two', 'three.txt': 'three' });
  assert.equal(await drag(ann, log, { files: [one, two] }), true);
  await hasFiles(ann, 2);
  assert.equal(await ann.isVisible('#drop'), false);
  // Dropped beside the messages, it is not opened instead of the page.
  assert.equal(await drag(ann, '#room-list', { files: [three] }), true);
  await hasFiles(ann, 3);
  assert.equal(await drag(ann, log, { files: [three] }, ['dragCancel']), true);
  await ann.waitForSelector('#drop', { state: 'hidden' });
  // Text is not a file.
  assert.equal(await drag(ann, '#text', { items: [{ mimeType: 'text/plain', data: 'words' }] }), false);
  assert.equal(await ann.inputValue('#text'), 'words');
  assert.deepEqual((await sentFiles(ann)).map(([name]) => name), ['one.png', 'two.txt', 'three.txt']);
});

test('by pasting: a picture is sent, text stays text', async (t) => {
  const server = await startPageServer(t);
  const ann = await openPage(t, server, { name: 'Ann' });
  await ann.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(server.http('/')).origin });
  const copyPicture = (more = {}) => ann.evaluate(async (others) => {
    const canvas = document.createElement('canvas');
    canvas.width = 12;
    canvas.height = 9;
    const picture = await new Promise((resolve) => { canvas.toBlob(resolve); });
    const made = Object.entries(others).map(([type, data]) => [type, new Blob([data], { type })]);
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': picture, ...Object.fromEntries(made) })]);
  }, more);
  await copyPicture();
  await ann.focus('#text');
  await ann.keyboard.press('Control+V');
  await hasFiles(ann, 1);
  assert.deepEqual((await sentFiles(ann))[0][0], 'image.png');
  await ann.waitForFunction((selector) => document.querySelector(selector).naturalWidth === 12, `${log} img.picture`);
  await copyPicture({ 'text/html': '<b>cells</b>', 'text/plain': 'cells' });
  await ann.keyboard.press('Control+V');
  assert.equal(await ann.inputValue('#text'), 'cells');
  // A field for a name takes no file.
  await copyPicture();
  await ann.focus('#join-room');
  await ann.keyboard.press('Control+V');
  await say(ann, 'after it');
  await hears(ann, 'after it');
  assert.equal((await sentFiles(ann)).length, 1);
});

for (const [locale, words] of [
  ['en-US', ['Not sent: The file is too large. This server accepts up to 20 kB. · Discard', 'Not sent: The file could not be read. · Discard', 'You can send up to 10 files at a time.']],
  ['ko-KR', ['전송 실패: 파일이 너무 큽니다. 이 서버에서는 20kB까지 보낼 수 있습니다. · 보내지 않기', '전송 실패: 파일을 읽을 수 없습니다. · 보내지 않기', '파일은 한 번에 10개까지 보낼 수 있습니다.']],
]) {
  test(`what cannot be sent is said in words, in ${locale}`, async (t) => {
    const server = await startPageServer(t, { args: ['--max-message-bytes', '20000'] });
    const ann = await openPage(t, server, { name: 'Ann', locale });
    const bob = connectChat(t, server);
    await bob.opened();
    // Above the limit; only with its name above the limit; a folder.
    const [large, close, fits, folder] = filesIn(t, { 'large.bin': Buffer.alloc(30_000), 'close.bin': Buffer.alloc(19_990), 'fits.bin': Buffer.alloc(19_000), folder: null });
    await choose(ann, [large, close, fits]);
    await hasFiles(ann, 1);
    await hasFailures(ann, 2);
    await drag(ann, log, { files: [folder] });
    await hasFailures(ann, 3);
    assert.deepEqual(await failures(ann), [words[0], words[0], words[1]]);
    assert.equal((await bob.next('message', ({ event }) => event === 'file')).args[0], 'fits.bin');
    await choose(ann, Array.from({ length: 11 }, () => fits));
    await hasText(ann, '#notice', words[2]);
    // The connection has not been lost.
    await say(ann, 'still here');
    await hears(ann, 'still here');
    await bob.next('message', ({ text }) => text === 'still here');
    assert.equal(await ann.getAttribute('body', 'data-state'), 'open');
    await ann.click(`${log} .failed .note button >> nth=0`);
    await hasFailures(ann, 2);
  });
}

test('without a connection: a file waits and is sent afterwards; one that is too large to wait can be sent again', async (t) => {
  const server = await startPageServer(t, { args: ['--max-message-bytes', '4000000'] });
  const ann = await openPage(t, server, { name: 'Ann' });
  const bob = connectChat(t, server);
  await bob.opened();
  server.away = true;
  server.cut();
  await ann.waitForSelector('#banner:not([hidden])');
  const [small, large] = filesIn(t, { 'small.txt': 'small', 'large.bin': Buffer.alloc(3_000_000) });
  await choose(ann, [large, small]);
  await hasFailures(ann, 1);
  assert.deepEqual(await failures(ann), ['Not sent: Too many messages are waiting for the connection. · Retry · Discard']);
  assert.equal(await ann.textContent(`${log} .pending:not(.failed) .file`), 'small.txt 5 bytes');
  server.away = false;
  await ann.evaluate(() => document.querySelector('#retry').click());
  await hasFiles(ann, 1);
  await ann.click(`${log} .failed .note button >> nth=0`);
  await hasFiles(ann, 2);
  assert.equal(await ann.$(`${log} .pending`), null);
  const isFile = ({ event }) => event === 'file';
  assert.deepEqual([(await bob.next('message', isFile)).args[0], (await bob.next('message', isFile)).args[0]], ['small.txt', 'large.bin']);
});

test('a large file: how much of it is sent, and once more when the connection was lost', async (t) => {
  const chatd = await startChatd(t, ['--max-message-bytes', '24000000', '--history-bytes', '50000000']);
  const proxy = await Proxy.start(t, chatd);
  const ann = await openPage(t, proxy, { name: 'Ann' });
  const bob = connectChat(t, chatd, { bufferBytes: 1e9 });
  await bob.opened();
  const [file] = filesIn(t, { 'large.bin': Buffer.alloc(20_000_000, 7) });
  proxy.hold();
  await choose(ann, [file]);
  const bar = await ann.waitForSelector(`${log} .pending progress`);
  await ann.waitForFunction((progress) => progress.value > 0 && progress.value < 1, bar);
  assert.match(await ann.textContent(`${log} .pending .note`), /^Sending… \d\d?% $/);
  // A lost connection, and the file again with the next.
  proxy.cut();
  await ann.evaluate(() => document.querySelector('#retry').click());
  await hasFiles(ann, 1);
  const { args } = await bob.next('message', ({ event }) => event === 'file');
  assert.deepEqual([args[0], args[1].length, args[1].at(-1)], ['large.bin', 20_000_000, 7]);
  assert.equal(await ann.$(`${log} .pending`), null);
});

test('files that are made to deceive: by their names, their types and their pictures', async (t) => {
  const server = await startPageServer(t);
  const bob = connectChat(t, server);
  const ann = await openPage(t, server, { name: 'Ann' });
  const markup = '<img src=x onerror="window.broken=1">.png';
  const html = new TextEncoder().encode('<script>window.broken=1</script>');
  const svg = new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" onload="window.broken=1"/>');
  const named = [
    [markup, '<img src=x onerror="window.broken=1">.png'.split('/').at(-1)],
    ['a\u0000\n\u0007.txt', 'a⟨U+0000⟩⟨U+000A⟩⟨U+0007⟩.txt'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\windows\\x.exe', 'x.exe'],
    ['holiday\u202egpj.exe', 'holiday⟨U+202E⟩gpj.exe'],
    ['', 'file'],
    ['..', 'file'],
    [' / ', 'file'],
    ['\ud800.txt', '⟨U+D800⟩.txt'],
    [`${'x'.repeat(5000)}.exe`, `…${'x'.repeat(95)}.exe`],
    [`${'𝒳'.repeat(99)}.exe`, `…${'𝒳'.repeat(95)}.exe`],
    ['  a.txt ', '␣␣a.txt␣'],
    ['Makefile', 'Makefile'],
  ];
  for (const [name] of named) await bob.sendFile(html, { name });
  await hasFiles(ann, named.length);
  assert.deepEqual((await sentFiles(ann)).map(([download]) => download), named.map(([, shown]) => shown));
  assert.equal(await ann.$(`${log} img.picture`), null);
  // What is no picture is no picture, whatever it is called.
  await bob.sendFile(svg, { name: 'a.svg' });
  await bob.sendFile(png(5, 5), { name: 'a.txt' });
  await hasFiles(ann, named.length + 2);
  assert.equal(await ann.$$eval(`${log} img.picture`, (all) => all.length), 1);
  // Downloaded under its name, and never opened.
  const [download] = await Promise.all([ann.waitForEvent('download'), ann.click(`${log} a.file >> nth=4`)]);
  assert.equal(download.suggestedFilename(), 'holiday⟨U+202E⟩gpj.exe');
  assert.equal(ann.url(), server.http('/#lobby'));
  // Pictures above the limits are shown on request only.
  await bob.sendFile(png(9000, 1), { name: 'wide.png' });
  await bob.sendFile(png(5000, 4000), { name: 'large.png' });
  await hasFiles(ann, named.length + 4);
  assert.deepEqual(await ann.$$eval(`${log} .more`, (all) => all.map(({ textContent }) => textContent)), ['Show image (9,000 × 1 pixels)', 'Show image (5,000 × 4,000 pixels)']);
  assert.equal(await ann.$$eval(`${log} img.picture`, (all) => all.length), 1);
  // Not in the form of a file: shown as what they are.
  await bob.send({ event: 'file', args: [{ name: 'x' }, html] });
  await bob.send({ event: 'file', args: ['a', 'b'] });
  await bob.send({ event: 'file', args: ['x.txt', html, 'y.txt'] });
  await ann.waitForFunction((selector) => [...document.querySelectorAll(selector)].filter(({ textContent }) => textContent === 'file').length === 3, `${log} .event`);
  assert.equal(await ann.evaluate('window.broken'), undefined);

  // The page's own files with such names.
  await ann.setInputFiles('#file', [{ name: markup, mimeType: 'image/png', buffer: Buffer.from(html) }]);
  const own = await bob.next('message', ({ own: mine, event, args }) => !mine && event === 'file' && args[0] === markup);
  assert.deepEqual(own.args[1], html);
  assert.equal(await ann.evaluate('window.broken'), undefined);
});

test('scrolling up: page by page, and what is in sight stays where it is', async (t) => {
  const server = await startPageServer(t, { args: ['--history-messages', 'off', '--inbound-rate', 'off', '--history-bytes', '8000000'] });
  const bob = connectChat(t, server);
  await bob.opened();
  const picture = png(60, 200);
  const count = 420;
  for (let index = 0; index < count; index += 1) {
    if (index % 40 === 5) await bob.sendFile(picture, { name: `${index}.png` });
    else await bob.send(`message ${index} ${'and more words '.repeat((index * 7) % 30)}`.trim());
  }
  const ann = await openPage(t, server, { name: 'Ann' });
  await ann.waitForFunction((selector) => document.querySelectorAll(selector).length === 50, `${log} .row`);
  await ann.hover(log);
  const rows = () => ann.$$eval(`${log} .row`, (all) => all.length);
  for (let page = 0; await rows() < count; page += 1) {
    assert.ok(page < 60, `${await rows()} rows`);
    const before = await rows();
    // Samples of where a row in sight is, while older messages are loaded and drawn.
    const moved = ann.evaluate(async ([selector, known]) => {
      const element = document.querySelector(selector);
      const frame = () => new Promise((resolve) => { requestAnimationFrame(resolve); });
      const count = () => element.querySelectorAll('.row').length;
      element.dispatchEvent(new WheelEvent('wheel'));
      // Rows that are drawn for the first time change their height. Wait for them, close to where more is loaded.
      for (let [turn, still] = [0, 0]; still < 5 && turn < 300; turn += 1) {
        if (Math.abs(element.scrollTop - 350) > 40) element.scrollTop = 350;
        const { scrollTop, scrollHeight } = element;
        await frame();
        still = element.scrollTop === scrollTop && element.scrollHeight === scrollHeight ? still + 1 : 0;
      }
      if (count() !== known) throw new Error('loaded too early');
      element.dispatchEvent(new WheelEvent('wheel'));
      element.scrollTop = 280;
      const { top } = element.getBoundingClientRect();
      const row = [...element.querySelectorAll('.row')].find((one) => one.getBoundingClientRect().top > top);
      const start = row.getBoundingClientRect().top;
      const seen = [];
      for (let [frames, after] = [0, 0]; after < 20 && frames < 600; frames += 1) {
        await frame();
        seen.push(row.getBoundingClientRect().top - start);
        if (count() > known) after += 1;
      }
      return seen.map(Math.round);
    }, [log, before]);
    assert.ok((await moved).every((by) => Math.abs(by) <= 2), `page ${page}: moved by ${await moved}`);
  }
  const shown = await ann.$$eval(`${log} .row`, (all) => all.map((row) => row.querySelector('.said')?.textContent.split(' ')[1] ?? row.querySelector('a.file').download.split('.')[0]));
  assert.deepEqual(shown, Array.from({ length: count }, (_, index) => `${index}`));
  await ann.$eval(log, (element) => { element.scrollTop = 0; });
  await hasText(ann, `${log} .top`, 'This is where the conversation begins.');
  assert.ok((await texts(ann)).length > 400);
});

test('scrolling up ends where the server has no more', async (t) => {
  const server = await startPageServer(t, { args: ['--history-messages', '120', '--inbound-rate', 'off'] });
  const bob = connectChat(t, server);
  await bob.opened();
  await Promise.all(Array.from({ length: 200 }, (_, index) => bob.send(`${index}`)));
  const ann = await openPage(t, server, { name: 'Ann' });
  await hears(ann, '199');
  for (const rows of [120]) {
    await ann.$eval(log, (element) => { element.scrollTop = 0; });
    await ann.waitForFunction(([selector, wanted]) => document.querySelectorAll(selector).length === wanted, [`${log} .row`, rows]);
  }
  await ann.$eval(log, (element) => { element.scrollTop = 0; });
  await hasText(ann, `${log} .top`, 'Earlier messages are no longer available.');
  assert.equal((await texts(ann))[0], '80');
});
