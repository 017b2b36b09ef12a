// What the page and chat.js make of text, names, pictures and frames from others, without a browser: the result, and that the work
// grows in proportion to the size.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { deflateSync } from 'node:zlib';
import { importPage } from './page_modules.mjs';
import { sourceDir, test } from './support.mjs';

const chat = createRequire(import.meta.url)(`${sourceDir}/bindings/js/chat.js`);

const { cutAt, pieces } = await importPage('text.js');
const { initial, lookOf, revealed, shown, tint } = await importPage('names.js');
const { fits, pictureOf } = await importPage('picture.js');
const { largest } = await importPage('directory.js');
const { isClaim, sizeText } = await importPage('strings.js');

const links = (text) => pieces(text).filter(({ href }) => href).map(({ text: shownText, href }) => [shownText, href]);

// What somebody who wants to keep the page busy would write, of so many characters.
const repeated = (unit) => (length) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
const hostile = {
  'closing brackets behind an address': (length) => `http://a/${repeated(')')(length - 9)}`,
  'opening and closing brackets': (length) => `http://a/${repeated('([{')(length / 2)}${repeated(')]}')(length / 2 - 9)}`,
  'brackets and dots': (length) => `http://a/${repeated('.)')(length - 9)}`,
  'dots and a letter': (length) => `http://a/${repeated('.')(length - 10)}x`,
  'quotes of other languages': (length) => `http://a/${repeated('』」’”')(length - 9)}`,
  'links without end': repeated('http://a '),
  'addresses of the largest size': repeated(`http://a/${')'.repeat(2038)} `),
  'addresses of the largest size, of dots': repeated(`http://a/${'.'.repeat(2037)}x `),
  'schemes without an address': repeated('http://'),
  'beginnings of a scheme': repeated('https:/http'),
  'one long address': (length) => `http://${repeated('a.')(length - 7)}`,
  'percent signs': (length) => `http://a/${repeated('%')(length - 9)}`,
  'mentions': repeated('@a'),
  'at signs': repeated('@'),
  'addresses with user names': repeated('http://a@b:c@d '),
  'spaces': repeated(' '),
  'spaces that are not ASCII': repeated('\u2003\u00a0\u2800'),
  'line feeds': repeated('\n'),
  'line ends of every kind': repeated('\r\n\u2028\u2029\u0085\v\f'),
  'combining characters': (length) => `a${repeated('\u0301\u0489')(length - 1)}`,
  'joiners': (length) => `ع${repeated('\u200d\u200c')(length - 1)}`,
  'emoji joined without end': repeated('👩\u200d'),
  'variation selectors': repeated('☺\ufe0f'),
  'marks of direction': repeated('\u202e\u2066\u2069\u202c'),
  'marks in addresses': repeated('http://a/\u202e'),
  'halves of surrogate pairs': repeated('\ud83d'),
  'text from right to left': repeated('שלום '),
  'hash signs and digits': repeated('#1'),
  'markup': repeated('<b>"\''),
};
const functions = { pieces, cutAt, shown, revealed, initial, tint, lookOf, isClaim: (text) => isClaim(text, '1') };

// Least of several: what else the machine does only adds to it. The processor's time, because a busy machine is slow.
function leastCpuMs(action) {
  let least = Infinity;
  for (let turn = 0; turn < 4 && (turn === 0 || least < 1000); turn += 1) {
    const before = process.cpuUsage();
    action();
    least = Math.min(least, process.cpuUsage(before).user / 1000);
  }
  return least;
}

// Four times as much takes four times as long, or 16 times when the time grows with the square. What takes less than the second
// bound keeps nobody waiting, and is too short to be measured. Small sizes first: they fail sooner.
function growsInProportion(action, make, what) {
  for (const sizes of [[4096, 16_384], [65_536, 262_144]]) {
    const [small, large] = sizes.map(make);
    const [smallMs, largeMs] = [small, large].map((input) => leastCpuMs(() => action(input)));
    assert.ok(largeMs < 9 * smallMs || largeMs < 60, `${what}: ${smallMs} ms, and ${largeMs} ms for four times as much`);
  }
}

for (const [what, make] of Object.entries(hostile)) {
  test(`work in proportion to the size: ${what}`, () => {
    assert.equal(make(65_536).length, 65_536);
    for (const [name, work] of Object.entries(functions)) growsInProportion(work, make, name);
    const text = make(65_536);
    assert.equal(pieces(text).map((piece) => piece.text).join(''), text);
    assert.ok(cutAt(text) <= 4000);
    for (const name of [shown(text), revealed(text)]) assert.ok(name.length <= 256 * 10 + 1, `${name.length} characters of a name`);
  });
}

test('links: what belongs to the address, and no longer than 2,048 characters', () => {
  for (const [text, expected] of [
    ['see https://example.org/a_(b)?q=1, and', ['https://example.org/a_(b)?q=1']],
    ['(https://example.org/a)', ['https://example.org/a']],
    ['(https://example.org/a_(b))', ['https://example.org/a_(b)']],
    ['https://example.org/[a](b){c}', ['https://example.org/[a](b){c}']],
    ['https://example.org/a)]}.).', ['https://example.org/a']],
    ['https://example.org/(((', ['https://example.org/(((']],
    ['「https://example.org/」…', ['https://example.org/']],
    ['HTTP://EXAMPLE.ORG https://a.example/?x=1!?', ['HTTP://EXAMPLE.ORG', 'https://a.example/?x=1']],
    ['xhttp://a httpx://a http:/a http://', []],
    ['https://good.example@evil.example/ http://a:b@c/ http://[', []],
    ['javascript:alert(1) data:text/html,x', []],
  ]) assert.deepEqual(links(text).map(([shownText]) => shownText), expected, text);
  const address = (length) => 'https://a.example/'.padEnd(length, 'x');
  for (const [length, count] of [[2047, 1], [2048, 1], [2049, 0], [65_536, 0]]) {
    assert.equal(links(`before ${address(length)} and http://b/`).length, count + 1, `${length} characters`);
  }
});

test('a long text is cut between characters, at its 60th line or 4,000 characters', () => {
  assert.equal(cutAt('short'), 5);
  assert.equal(cutAt('x'.repeat(4000)), 4000);
  assert.equal(cutAt('x'.repeat(5000)), 4000);
  assert.equal(cutAt(`${'x'.repeat(3999)}👩 and on`), 3999);
  assert.equal(cutAt(`${'x'.repeat(3998)}👩 and on`), 4000);
  for (const lineEnd of ['\n', '\u2028', '\u2029', '\v', '\f', '\u0085']) assert.equal(cutAt(`x${lineEnd}`.repeat(100)), 119);
});

test('names: what is not seen is left out of people\'s, and written out in those of rooms and files', () => {
  for (const [name, person, room] of [
    ['Ann', 'Ann', 'Ann'],
    ['lobby\u200b', 'lobby', 'lobby⟨U+200B⟩'],
    ['\u202eybbol', 'ybbol', '⟨U+202E⟩ybbol'],
    ['holiday\u202egpj.exe', 'holidaygpj.exe', 'holiday⟨U+202E⟩gpj.exe'],
    ['\u2067a\u2069\u061c\u200e', 'a', '⟨U+2067⟩a⟨U+2069⟩⟨U+061C⟩⟨U+200E⟩'],
    ['a\u00a0b\u2003c\u2800d', 'a b c d', 'a⟨U+00A0⟩b⟨U+2003⟩c⟨U+2800⟩d'],
    [' a  b ', 'a b', '␣a ␣b␣'],
    ['a\tb\u0007', 'a b', 'a⟨U+0009⟩b⟨U+0007⟩'],
    ['A\ufeffnn\u3164', 'Ann', 'A⟨U+FEFF⟩nn⟨U+3164⟩'],
    ['\u{e0061}x\ud800', 'x', '⟨U+E0061⟩x⟨U+D800⟩'],
    ['👩‍👩‍👧 می‌خواهم ☺️', '👩‍👩‍👧 می‌خواهم ☺️', '👩‍👩‍👧 می‌خواهم ☺️'],
    ['שלום עולם', 'שלום עולם', 'שלום עולם'],
    ['\u200b\u2060', '', '⟨U+200B⟩⟨U+2060⟩'],
  ]) {
    assert.equal(shown(name), person);
    assert.equal(revealed(name), room);
  }
  for (const [one, other] of [['lobby', 'lobby\u200b'], ['a b', 'a  b'], ['a b', 'a\u00a0b']]) assert.notEqual(revealed(one), revealed(other));
  assert.equal(lookOf('Ａnn'), lookOf('ANN'));
});

test('names that claim to be somebody else', () => {
  for (const name of ['Server', 'server', '서버', 'You', '나', 'Announcement', 'guest-8', '손님 8', 'GUEST-8', 'Ann #8']) assert.equal(isClaim(name, '7'), true, name);
  for (const name of ['Ann', 'guest-7', '손님 7', 'guest-of-honour', 'Servers', '#', 'Ann 8']) assert.equal(isClaim(name, '7'), false, name);
});

test('of a hundred thousand rooms the fifty largest, without sorting all of them', () => {
  const rooms = (length) => Array.from({ length }, (_, index) => ({ name: `room ${index}`, members: index % 1000 }));
  assert.deepEqual(largest(rooms(100_000)).map(({ members }) => members), Array.from({ length: 50 }, () => 999));
  assert.deepEqual(largest([{ name: 'b', members: 1 }, { name: 'a', members: 1 }, { name: 'c', members: 2 }]).map(({ name }) => name), ['c', 'a', 'b']);
  for (const make of [rooms, (length) => rooms(length).map((room, index) => ({ ...room, members: index }))]) growsInProportion(largest, make, 'largest');
});

test('thousands of sizes in one message cost little', () => {
  growsInProportion((count) => { for (let index = 0; index < count; index += 1) sizeText(index); }, (length) => length / 30, 'sizeText');
});

// Pictures ----------------------------------------------------------------------------------------------------------

const chunk = (name, data) => {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(name, 4, 'latin1');
  Buffer.from(data).copy(bytes, 8);
  return bytes;
};
function png(width, height, { animated = false } = {}) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), ...(animated ? [chunk('acTL', Buffer.alloc(8))] : []),
    chunk('IDAT', deflateSync(Buffer.alloc(16))), chunk('IEND', [])]);
}
const u16 = (number) => [number >> 8, number & 255];
const u16le = (number) => [number & 255, number >> 8];
const jpeg = (width, height, sof = 0xc0) => Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0, 12, 0xff, 0xc0, 0, 8, 8, 0, 1, 0, 1, 1, 0xff, 0xff, 0xdb, 0, 3, 0,
  0xff, sof, 0, 11, 8, ...u16(height), ...u16(width), 1, 1, 0x11, 0, 0xff, 0xda, 0, 8]);
const frame = (left, top, width, height) => [0x21, 0xf9, 4, 0, 0, 0, 0, 0, 0x2c, ...u16le(left), ...u16le(top), ...u16le(width), ...u16le(height), 0, 2, 2, 0x4c, 1, 0];
const gif = (width, height, ...frames) => Buffer.from([...Buffer.from('GIF89a'), ...u16le(width), ...u16le(height), 0x80, 0, 0, 0, 0, 0, 255, 255, 255, ...frames.flat(), 0x3b]);
const webp = (name, data) => Buffer.concat([Buffer.from('RIFF\0\0\0\0WEBP'), Buffer.from(name), Buffer.from([data.length, 0, 0, 0]), Buffer.from(data), Buffer.alloc(20)]);
const vp8 = (width, height) => webp('VP8 ', [0, 0, 0, 0x9d, 1, 0x2a, ...u16le(width), ...u16le(height)]);
const vp8l = (width, height) => {
  const bits = Buffer.alloc(5, 0x2f);
  bits.writeUInt32LE((width - 1) + (height - 1) * 16_384, 1);
  return webp('VP8L', bits);
};
const u24le = (number) => [number & 255, (number >> 8) & 255, number >> 16];
const vp8x = (width, height, flags = 0) => webp('VP8X', [flags, 0, 0, 0, ...u24le(width - 1), ...u24le(height - 1)]);

const sizeOf = (bytes) => {
  const { size } = pictureOf(Uint8Array.from(bytes));
  return size && [size.width, size.height, size.moving];
};

test('the size of a picture, from its bytes', () => {
  assert.deepEqual(sizeOf(png(20_000, 24_000)), [20_000, 24_000, false]);
  assert.deepEqual(sizeOf(png(10, 20, { animated: true })), [10, 20, true]);
  for (const sof of [0xc0, 0xc1, 0xc2, 0xcf]) assert.deepEqual(sizeOf(jpeg(640, 480, sof)), [640, 480, false]);
  assert.deepEqual(sizeOf(gif(10, 20, frame(0, 0, 10, 20))), [10, 20, false]);
  assert.deepEqual(sizeOf(gif(10, 20, frame(0, 0, 10, 20), frame(1, 1, 2, 2))), [10, 20, true]);
  assert.deepEqual(sizeOf(gif(1, 1, frame(5, 6, 60_000, 50_000))), [60_005, 50_006, false]);
  assert.deepEqual(sizeOf(vp8(300, 200)), [300, 200, false]);
  assert.deepEqual(sizeOf(vp8l(16_384, 1)), [16_384, 1, false]);
  assert.deepEqual(sizeOf(vp8x(1_000_000, 16_777_216)), [1_000_000, 16_777_216, false]);
  assert.deepEqual(sizeOf(vp8x(5, 6, 2)), [5, 6, true]);
  assert.equal(pictureOf(new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg"/>')), null);
  assert.equal(pictureOf(new Uint8Array()), null);
});

test('a picture whose size cannot be told is not shown by itself, nor is one that is too large', () => {
  const isShown = (bytes, before = 0) => fits(pictureOf(Uint8Array.from(bytes)), before);
  for (const bytes of [png(0, 1), png(1, 0), jpeg(640, 0), gif(1, 1), vp8(0, 1), png(8193, 1), png(1, 8193), png(4001, 4000), png(2001, 2000, { animated: true }),
    jpeg(20_000, 24_000), gif(1, 1, frame(0, 0, 9000, 1)), gif(3000, 3000, frame(0, 0, 1, 1), frame(0, 0, 1, 1)), vp8x(2 ** 24, 2 ** 24),
    jpeg(640, 480).subarray(0, 20), Buffer.concat([jpeg(640, 480).subarray(0, 2), Buffer.from([0xff, 0xfe, 0, 0]), jpeg(640, 480).subarray(2)])]) assert.equal(isShown(bytes), false);
  for (const bytes of [png(1, 1), png(8192, 1), png(4000, 4000), png(2000, 2000, { animated: true }), jpeg(4032, 3024), gif(1, 1, frame(0, 0, 1, 1)), vp8(1, 1), vp8l(1, 1), vp8x(1, 1)]) {
    assert.equal(isShown(bytes), true);
  }
  // Of several in one message: as many as one large one.
  assert.equal(isShown(png(3000, 3000), 7_000_000), true);
  assert.equal(isShown(png(3000, 3000), 7_000_001), false);
});

test('pictures cut off anywhere, and bytes that only begin like one: no exception, in proportion to the size', () => {
  for (const whole of [png(1, 1, { animated: true }), jpeg(2, 2), gif(1, 1, frame(0, 0, 1, 1)), vp8(1, 1), vp8l(1, 1), vp8x(1, 1)]) {
    for (let length = 0; length < whole.length; length += 1) {
      const picture = pictureOf(Uint8Array.from(whole.subarray(0, length)));
      assert.ok(picture === null || picture.size === null || picture.pixels > 0);
    }
    for (const filler of [[0], [0xff], [0xff, 0xd0], [0xff, 0xe1, 0, 2], [0x21, 0xf9, 0], frame(0, 0, 1, 1), [1, 0], [...chunk('tEXt', [])]]) {
      growsInProportion(pictureOf, (length) => {
        const bytes = new Uint8Array(length);
        bytes.set(whole.subarray(0, 40));
        for (let at = Math.min(40, whole.length); at < length; at += 1) bytes[at] = filler[at % filler.length];
        return bytes;
      }, 'pictureOf');
    }
  }
});

// chat.js -----------------------------------------------------------------------------------------------------------

// A connection that is welcomed at once, and delivers what it is given.
async function startClient(t) {
  let socket;
  class FakeSocket {
    constructor() { socket = this; }
    send() {}
    close(code, reason) { queueMicrotask(() => this.onclose?.({ code, reason })); }
  }
  const client = chat.connect({ url: 'ws://fake/', room: 'lobby', WebSocket: FakeSocket, reconnect: false });
  t.after(() => client.close());
  await new Promise((resolve) => { setImmediate(resolve); });
  const deliver = (frame) => socket.onmessage({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
  deliver({ type: 'welcome', id: '1', name: 'guest-1', room: 'lobby', epoch: 'e', seq: 0 });
  assert.equal(client.state, 'open');
  return { client, deliver };
}

const message = (fields) => ({ type: 'message', room: 'lobby', epoch: 'e', time: 0, from: { id: '2', name: 'Eve' }, event: 'x', ...fields });
const nested = (depth, size) => `${'['.repeat(depth)}${'1,'.repeat(size / 2)}1${']'.repeat(depth)}`;
const frames = {
  'a long text': (size) => message({ text: 'x'.repeat(size) }),
  'many arguments': (size) => message({ args: Array.from({ length: size / 2 }, () => 1) }),
  'many placeholders of one attachment': (size) => message({ args: Array.from({ length: size / 30 }, () => ({ _placeholder: true, num: 0 })), attachments: ['AAAA'] }),
  'placeholders of no attachment': (size) => message({ args: Array.from({ length: size / 30 }, (_, index) => ({ _placeholder: true, num: -index })), attachments: [] }),
  'arguments as deep as the server lets through': (size) => `{"type":"message","room":"lobby","epoch":"e","time":0,"from":{"id":"2","name":"Eve"},"event":"x","args":[${nested(60, size)}],"attachments":["AAAA"]}`,
  'many keys': (size) => message({ args: [Object.fromEntries(Array.from({ length: size / 10 }, (_, index) => [`k${index}`, index]))], attachments: ['AAAA'] }),
  'one large attachment': (size) => message({ args: [{ _placeholder: true, num: 0 }], attachments: ['A'.repeat(size - size % 4)] }),
  'a long id of a message that was sent again': (size) => message({ text: 'x', attributes: { 'chat-send-id': 'x'.repeat(size) } }),
};

for (const [what, make] of Object.entries(frames)) {
  test(`chat.js, work in proportion to the size: ${what}`, async (t) => {
    const { client, deliver } = await startClient(t);
    let [count, seq] = [0, 0];
    client.on('message', () => { count += 1; });
    growsInProportion((frame) => {
      seq += 1;
      deliver(frame.replace(/,"time":0/, `,"time":0,"seq":${seq}`));
    }, (size) => (typeof make(size) === 'string' ? make(size) : JSON.stringify(make(size))), what);
    assert.ok(seq >= 4);
    assert.ok(count >= 2);
  });
}

test('chat.js, work in proportion to the number of messages: a history', async (t) => {
  const { client, deliver } = await startClient(t);
  let ref = 0;
  const sent = [];
  for (const attributes of [undefined, { 'chat-send-id': 'same' }]) { // chat.js gives no attribute a meaning
    const cost = [];
    for (const count of [4000, 16_000]) {
      let least = Infinity;
      for (let turn = 0; turn < 4; turn += 1) {
        const reply = client.history({ room: 'lobby' });
        ref += 1;
        const messages = Array.from({ length: count }, (_, index) => message({ seq: index + 1, text: 'x', attributes }));
        const frame = JSON.stringify({ type: 'history', ref, room: 'lobby', epoch: 'e', seq: 1, complete: true, messages });
        const before = process.cpuUsage();
        deliver(frame);
        sent.push((await reply).messages.length);
        least = Math.min(least, process.cpuUsage(before).user / 1000);
      }
      cost.push(least);
    }
    assert.ok(cost[1] < 9 * cost[0] || cost[1] < 60, cost.join(' ms, '));
  }
  const once = [4000, 4000, 4000, 4000, 16_000, 16_000, 16_000, 16_000];
  assert.deepEqual(sent, [...once, ...once]);
});
