// What people do with messages in the chat page: answer, react, edit, delete, copy and report; what they have not read; and what
// moderators do with people and rooms. In chromium, with the real server.
import assert from 'node:assert/strict';
import { connectChat } from './chat_js_support.mjs';
import { accessibilityFaults, hasText, hasTitle, hears, openPage, say, skip, startPageServer, texts } from './page_support.mjs';
import { startTestd, test as plainTest } from './support.mjs';

const test = (name, body) => plainTest(name, { skip }, body);

const log = '.log:not([hidden])';
const focused = (tab) => tab.evaluate(() => document.activeElement.textContent || document.activeElement.id);
const expanded = (tab) => tab.$$eval('[aria-expanded="true"][aria-haspopup]', (all) => all.length);
const menuItems = (tab) => tab.$$eval('[role="menuitem"]', (all) => all.map(({ textContent }) => textContent));
const rowOf = (tab, text) => tab.locator(`${log} .row`).filter({ has: tab.locator('.said', { hasText: text }) });

async function openActions(tab, text) {
  const row = rowOf(tab, text).last();
  await row.hover();
  await row.locator('.act').click();
  await tab.waitForSelector('[role="menu"]');
}

async function choose(tab, item) {
  await tab.locator('[role="menuitem"]').filter({ hasText: item }).first().click();
  assert.equal(await tab.$$eval('[role="menu"] [role="menuitem"]', (all, text) => all.filter(({ textContent }) => textContent === text).length, item), 0);
}

// The chips under the last message with this text, as "reaction count|pressed".
const hasChips = (tab, wanted) => tab.waitForFunction(([where, all]) => [...document.querySelectorAll(`${where} .chip`)]
  .map((chip) => `${chip.textContent}|${chip.getAttribute('aria-pressed')}`).join() === all, [log, wanted.join()]);

const hasQuotes = (tab, ...wanted) => tab.waitForFunction(([where, all]) => [...document.querySelectorAll(`${where} .quote`)]
  .map(({ textContent }) => textContent).join('|') === all, [log, wanted.join('|')]);

// The text of the message below the line, or none.
const hasLine = (tab, text) => tab.waitForFunction(([where, wanted]) => {
  const line = document.querySelector(`${where} .new`);
  return (line?.parentNode.querySelector('.said').textContent ?? null) === wanted && (!line || line.textContent === 'New messages');
}, [log, text]);

test('messages are answered, reacted to, edited, deleted and copied', async (t) => {
  const server = await startPageServer(t, { args: ['--history-messages', '80'] });
  const ann = await openPage(t, server, { name: 'Ann' });
  const bob = await openPage(t, server, { name: 'Bob' });
  await say(bob, 'helo wrld');
  await hears(ann, 'helo wrld');

  // With the mouse. What the server would refuse is not offered.
  await openActions(ann, 'helo wrld');
  assert.deepEqual(await menuItems(ann), ['👍', '❤️', '😂', '😮', '😢', '🎉', 'Reply', 'Copy text', 'Report']);
  await choose(ann, '👍');
  await hasChips(ann, ['👍 1|true']);
  await hasChips(bob, ['👍 1|false']);
  await bob.click('.chip');
  await hasChips(bob, ['👍 2|true']);
  await hasChips(ann, ['👍 2|true']);
  assert.equal(await ann.getAttribute('.chip', 'aria-label'), '👍 2 people');
  await ann.click('.chip');
  await hasChips(ann, ['👍 1|false']);
  await hasChips(bob, ['👍 1|true']);

  await openActions(ann, 'helo wrld');
  await choose(ann, 'Reply');
  assert.equal(await ann.textContent('#about-text'), 'Reply to Bob: helo wrld');
  assert.equal(await focused(ann), 'text');
  await ann.keyboard.press('Escape');
  assert.equal(await ann.isHidden('#about'), true);
  await openActions(ann, 'helo wrld');
  await choose(ann, 'Reply');
  await ann.keyboard.type('you mean hello');
  await ann.keyboard.press('Enter');
  await hears(bob, 'you mean hello');
  assert.equal(await ann.isHidden('#about'), true);
  await hasQuotes(ann, 'Bob helo wrld');
  await hasQuotes(bob, 'You helo wrld');
  await bob.click('.quote');
  await bob.waitForSelector('.row.found');
  assert.equal(await bob.evaluate(() => document.activeElement.closest('.row').querySelector('.said').textContent), 'helo wrld');

  // With the keyboard: Tab from the messages reaches one button, arrow keys the others.
  await bob.focus(log);
  while (!await bob.evaluate(() => document.activeElement.matches('.act'))) await bob.keyboard.press('Tab');
  await bob.keyboard.press('End');
  assert.equal(await bob.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Actions for: Ann: you mean hello');
  await bob.keyboard.press('ArrowUp');
  await bob.keyboard.press('Enter');
  assert.deepEqual([await focused(bob), await expanded(bob)], ['👍', 1]);
  await bob.keyboard.press('Escape');
  assert.deepEqual([await bob.evaluate(() => document.activeElement.getAttribute('aria-label')), await expanded(bob), await bob.$('[role="menu"]')],
    ['Actions for: You: helo wrld', 0, null]);
  await bob.keyboard.press(' ');
  await bob.keyboard.press('e');
  assert.equal(await focused(bob), 'Edit');
  await bob.keyboard.press('Enter');
  assert.equal(await bob.inputValue('#text'), 'helo wrld');
  await bob.fill('#text', 'hello world');
  await bob.keyboard.press('Enter');
  await hears(ann, 'hello world');
  assert.equal(await bob.inputValue('#text'), '');
  await hasText(ann, '.edited', 'edited');
  await hasQuotes(ann, 'Bob hello world');

  // Deleted only after a question, and gone then everywhere.
  await openActions(bob, 'hello world');
  await choose(bob, 'Delete');
  await bob.waitForSelector('#ask-dialog[open]');
  assert.equal(await bob.textContent('#ask-text'), 'You: hello world');
  await bob.keyboard.press('Escape');
  assert.deepEqual([await bob.isVisible('#ask-dialog'), await bob.evaluate(() => document.activeElement.className)], [false, 'act']);
  await bob.keyboard.press('Enter');
  await choose(bob, 'Delete');
  await bob.click('#ask-yes');
  for (const tab of [ann, bob]) {
    await hasText(tab, '.gone', 'This message was deleted.');
    assert.equal(await tab.evaluate(() => new XMLSerializer().serializeToString(document).includes('hello world')), false);
    assert.equal(await tab.$('.chip'), null);
  }
  await hasQuotes(ann, 'Bob This message was deleted.');
  await ann.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await openActions(ann, 'you mean hello');
  await choose(ann, 'Copy text');
  await hasText(ann, '#notice', 'Copied');
  assert.equal(await ann.evaluate(() => navigator.clipboard.readText()), 'you mean hello');
  await ann.reload();
  await hasQuotes(ann, 'Bob This message was deleted.');
  // What is refused is told, and what was typed stays.
  const guest = connectChat(t, server, { name: 'Gus' });
  await guest.next('named');
  const [{ seq: own }] = (await guest.history({ limit: 1 })).messages;
  await openActions(ann, 'you mean hello');
  await choose(ann, 'Edit');
  await ann.fill('#text', 'I said hello');
  await ann.keyboard.press('Enter');
  await hasText(ann, '#notice', 'The server does not allow that. (only its sender may change this message, for a limited time)');
  assert.equal(await ann.inputValue('#text'), 'I said hello');
  await ann.click('#about-cancel');
  assert.equal(await ann.inputValue('#text'), '');

  // Reactions are untrusted. One reply has an original that must be loaded, another one that is no longer kept.
  await guest.react(own, '<b>x</b>');
  await guest.react(own, '\u202eab');
  await guest.react(own, '\u200b');
  await hasChips(ann, ['<b>x</b> 1|false', 'ab 1|false', '⟨U+200B⟩ 1|false']);
  const sent = [];
  for (let number = 0; number < 90; number += 1) sent.push(await guest.send(`number ${number}`));
  const [lost, kept] = [sent[0].seq, sent[30].seq];
  await guest.send('to a lost one', { replyTo: lost });
  await guest.send('to a kept one', { replyTo: kept });
  const eve = await openPage(t, server, { name: 'Eve' });
  await hears(eve, 'to a kept one');
  await hasQuotes(eve, 'In reply to an earlier message. Load it.', 'In reply to an earlier message. Load it.');
  await eve.click('.quote >> nth=1');
  await hasQuotes(eve, 'In reply to an earlier message. Load it.', 'Gus number 30');
  assert.equal(await eve.evaluate(() => document.activeElement.closest('.row').querySelector('.said').textContent), 'number 30');
  await eve.click('#jump');
  await eve.click('.quote >> nth=0');
  await hasQuotes(eve, 'The original message is no longer available.', 'Gus number 30');
});

// Notes what the page tells the server of what was seen, in window.calls.
async function withCalls(tab) {
  await tab.addInitScript(() => {
    window.calls = [];
    let script;
    Object.defineProperty(window, 'chat', {
      get: () => script,
      set(chat) {
        script = chat;
        const { seen } = chat.Client.prototype;
        chat.Client.prototype.seen = function note(seq, { room }) {
          window.calls.push([room, seq]);
          return seen.call(this, seq, { room });
        };
      },
    });
  });
  await tab.reload();
  await tab.waitForSelector('body[data-state="open"]');
}

test('a token in the address is for the server alone, and a user is not asked for a name', async (t) => {
  const testd = await startTestd(t);
  const server = await startPageServer(t, { program: testd });
  const guest = await openPage(t, server, { name: 'Gus' });
  const context = guest.context();
  await context.addCookies([{ name: 'user', value: 'ann', url: server.http('/') }]);
  const tab = await context.newPage();
  await testd.event('connect');
  await tab.addInitScript(() => localStorage.clear());
  for (const address of ['/?token=a%20b&x=1#dev', null]) {
    if (address) await tab.goto(server.http(address));
    else await tab.reload();
    await hasText(tab, '#me b', 'ann');
    assert.equal((await testd.event('connect')).token, 'a b');
    assert.equal(tab.url(), server.http('/?x=1#dev'));
    assert.equal(await tab.isVisible('#name-dialog'), false);
  }
});

test('a line shows what is new, the list how much, and what was seen is told', async (t) => {
  const testd = await startTestd(t);
  const server = await startPageServer(t, { program: testd });
  const ann = await openPage(t, server, { name: 'ann', user: 'ann' });
  await withCalls(ann);
  const bob = connectChat(t, server, { rooms: ['dev'] });
  await bob.next('joined', ({ room }) => room === 'dev');
  await ann.fill('#join-room', 'dev');
  await ann.press('#join-room', 'Enter');
  await hasText(ann, '#title', 'dev');
  await bob.send('one', { room: 'dev' });
  await hears(ann, 'one');
  await ann.waitForFunction(() => window.calls.some(([room, seq]) => room === 'dev' && seq === 1));
  assert.equal(await ann.$('.new'), null);

  // Hidden, and at another room.
  await ann.look(false);
  await bob.send('two', { room: 'dev' });
  await hasTitle(ann, '(1) dev · Chat');
  await hasLine(ann, 'two');
  await ann.look(true);
  await hasTitle(ann, 'dev · Chat');
  await ann.waitForFunction(() => window.calls.some(([, seq]) => seq === 2));

  // A page that was loaded again does not know that a reaction is the user's own; a click takes it back all the same.
  await openActions(ann, 'two');
  await choose(ann, '🎉');
  await hasChips(ann, ['🎉 1|true']);
  await ann.reload();
  await hasChips(ann, ['🎉 1|false']);
  await ann.click('.chip');
  await hasChips(ann, []);

  // Left, and opened again.
  const url = ann.url();
  await ann.goto('about:blank');
  for (const text of ['three', 'four']) await bob.send(text, { room: 'dev' });
  for (const text of ['five', 'six', 'seven']) await bob.send(text, { room: 'lobby' });
  await ann.goto(url);
  await hasLine(ann, 'three');
  await ann.waitForFunction(() => document.querySelector('.room:not([aria-current])')?.getAttribute('aria-label') === 'lobby, 3 unread');
  await hasTitle(ann, '(3) dev · Chat');
  // Another device of hers reads on in the lobby.
  const device = connectChat(t, testd, { url: testd.url('/chat.v1?user_id=ann&name=ann') });
  await device.next('joined', ({ room }) => room === 'lobby');
  await device.seen(2);
  await hasTitle(ann, '(1) dev · Chat');
  await device.seen();
  await hasTitle(ann, 'dev · Chat');

  // Many messages are seen by few calls, and none without the focus.
  await ann.evaluate(() => { window.calls.length = 0; });
  const before = Date.now();
  let last;
  for (let number = 0; number < 60; number += 1) last = await bob.send(`number ${number}`, { room: 'dev' });
  await ann.waitForFunction((seq) => window.calls.at(-1)?.[1] === seq, last.seq);
  const calls = await ann.evaluate(() => window.calls.length);
  assert.ok(calls <= 2 + (Date.now() - before) / 1000, `${calls} calls`);
  await ann.evaluate(() => { document.hasFocus = () => false; });
  await bob.send('unseen', { room: 'dev' });
  await hears(ann, 'unseen');
  await ann.evaluate(() => { document.hasFocus = () => true; });
  assert.equal(await ann.evaluate(() => window.calls.at(-1)[1]), last.seq);
  await ann.evaluate(() => dispatchEvent(new Event('focus')));
  await ann.waitForFunction((seq) => window.calls.at(-1)[1] === seq, last.seq + 1);

  // A report, with a reason, and to a server that has none.
  await openActions(ann, 'unseen');
  await choose(ann, 'Report');
  await ann.fill('#ask-reason', 'spam');
  await ann.keyboard.press('Enter');
  await hasText(ann, '#notice', 'The message was reported.');
  const { room, seq, user_id: reporter, reason } = await testd.event('report');
  assert.deepEqual([room, seq, reporter, reason], ['dev', last.seq + 1, 'ann', 'spam']);
  await ann.evaluate(() => {
    window.chat.Client.prototype.report = async () => { throw new window.chat.ChatError('unknown_type'); };
  });
  await openActions(ann, 'unseen');
  await choose(ann, 'Report');
  await ann.click('#ask-yes');
  await hasText(ann, '#notice', 'This server does not offer that.');
  await openActions(ann, 'unseen');
  assert.deepEqual((await menuItems(ann)).slice(6), ['Reply', 'Copy text']);
});

test('moderators have menus on people, messages and the room, and use them with the keyboard alone', async (t) => {
  const testd = await startTestd(t, ['moderation_events=1', 'presence=2']);
  const command = async (...words) => assert.equal((await testd.command(words[0], 0, ...words.slice(1))).error, 'OK');
  await command('set-role', 'dev', 'boss', '3');
  const server = await startPageServer(t, { program: testd });
  const boss = await openPage(t, server, { name: 'boss', user: 'boss', room: 'dev' });
  const bob = await openPage(t, server, { name: 'bob', user: 'bob', room: 'dev' });
  const gus = connectChat(t, server, { name: '<b>Gus</b>', room: 'dev' });
  await gus.next('named');
  await gus.send('from Gus');
  const sent = [];
  boss.on('websocket', (socket) => socket.on('framesent', ({ payload }) => sent.push(JSON.parse(payload))));
  for (const tab of [boss, bob]) await hears(tab, 'from Gus');
  // A user is marked as "You" too. Only moderators have menus, and none on themselves.
  const hasPeople = (tab, ...wanted) => tab.waitForFunction((all) => [...document.querySelectorAll('#people-list li')]
    .map((li) => `${li.querySelector('.name').textContent} ${li.querySelector('small').textContent} ${li.querySelectorAll('.act').length}`).join() === all, wanted.join());
  await hasPeople(boss, 'boss You 0', '<b>Gus</b>  1', 'bob  1');
  await hasPeople(bob, 'bob You 0', '<b>Gus</b>  0', 'boss  0');
  assert.deepEqual([await boss.isVisible('#room-menu'), await bob.isVisible('#room-menu')], [true, false]);

  const { keyboard } = boss;
  const tabTo = async (label) => {
    while (await boss.evaluate(() => document.activeElement.getAttribute('aria-label')) !== label) await keyboard.press('Tab');
  };
  await tabTo('Moderate bob');
  await keyboard.press('ArrowDown');
  assert.deepEqual(await menuItems(boss), ['Mute for 10 minutes', 'Mute for 1 hour', 'Mute for 1 day', 'Unmute', 'Remove from the room',
    'Ban for 1 hour', 'Ban for 1 day', 'Ban for 30 days', 'Delete all messages', 'Make moderator', 'Make member']);
  assert.equal(await focused(boss), 'Mute for 10 minutes');
  await keyboard.press('ArrowUp');
  assert.equal(await focused(boss), 'Make member');
  await keyboard.press('ArrowDown');
  await keyboard.press('End');
  await keyboard.press('Home');
  await keyboard.press('ArrowDown');
  assert.equal(await focused(boss), 'Mute for 1 hour');
  await keyboard.press('Escape');
  assert.deepEqual([await boss.$('[role="menu"]'), await boss.evaluate(() => document.activeElement.dataset.menu)], [null, 'user bob']);
  await keyboard.press('Enter');
  await keyboard.press('Enter');
  await hasText(boss, '#notice', 'bob was muted for 10 minutes.');
  assert.equal(await boss.evaluate(() => document.activeElement.dataset.menu), 'user bob');
  for (const tab of [boss, bob]) await hasText(tab, `${log} .row.gap`, 'boss: bob was muted for 10 minutes.');
  await say(bob, 'am I muted?');
  await hasText(bob, '#notice', 'You are muted in this room.');
  await bob.waitForFunction(() => /^You can write again in (10|9) minutes\.$/.test(document.querySelector('#wait').textContent));
  await keyboard.press(' ');
  await keyboard.press('u');
  await keyboard.press('Enter');
  await hasText(boss, '#notice', 'bob is no longer muted.');
  await bob.click('.failed .note button:last-child');

  // Slow mode: what was typed stays, and how long one must wait is shown. That the page tells who is typing does not count.
  await command('moderate', 'dev', '4', '', '0', '1500', '');
  await bob.reload();
  await bob.waitForSelector('body[data-state="open"]');
  await bob.type('#text', 'first');
  await bob.keyboard.press('Enter');
  await hears(boss, 'first');
  await say(bob, 'second');
  await hasText(bob, '#notice', 'This room is in slow mode. Wait a little before the next message.');
  await bob.waitForSelector('#wait:not([hidden])');
  assert.match(await bob.textContent('#wait'), /^You can write again in [12] seconds?\.$/);
  assert.equal(await bob.textContent('.failed .said'), 'second');
  await bob.waitForSelector('#wait', { state: 'hidden' });
  await bob.click('.failed .note button');
  await hears(boss, 'second');
  await tabTo('Moderate this room');
  await keyboard.press('ArrowUp');
  assert.equal(await focused(boss), 'Close the room');
  await keyboard.press('Home');
  for (let down = 0; down < 4; down += 1) await keyboard.press('ArrowDown');
  assert.equal(await focused(boss), 'Slow mode off');
  await keyboard.press('Enter');
  await hasText(boss, '#notice', 'Slow mode is off.');

  // A role that changes while the page is open, and what it does not allow.
  await tabTo('Moderate bob');
  await keyboard.press('Enter');
  await keyboard.press('End');
  await keyboard.press('ArrowUp');
  await keyboard.press('Enter');
  await hasText(boss, '#notice', 'The role of bob is now: moderator.');
  await bob.waitForSelector('#room-menu:not([hidden])');
  await bob.click('[data-menu="user boss"]');
  assert.equal((await menuItems(bob)).includes('Make member'), false);
  await choose(bob, 'Remove from the room');
  await hasText(bob, '#notice', 'The server does not allow that. (the role of this person is not below your own)');
  await bob.click('#room-menu');
  assert.equal((await menuItems(bob)).includes('Close the room'), false);
  await bob.keyboard.press('Tab');
  assert.equal(await bob.$('[role="menu"]'), null);

  // The author of a message; a ban asks first; a moderator deletes every message.
  await openActions(bob, 'from Gus');
  assert.deepEqual((await menuItems(bob)).slice(6), ['Reply', 'Copy text', 'Delete', 'Report', 'Moderate <b>Gus</b>…']);
  await choose(bob, 'Moderate');
  await bob.click('[role="menuitem"] >> text=Remove from the room');
  assert.equal((await gus.next('left')).asked, false);
  await gus.join('dev');
  await openActions(bob, 'from Gus');
  await choose(bob, 'Delete');
  await bob.click('#ask-yes');
  for (const tab of [boss, bob]) await hasText(tab, `${log} .gone`, 'This message was deleted.');
  await tabTo('Moderate <b>Gus</b>');
  await keyboard.press('Enter');
  await keyboard.press('b');
  assert.equal(await focused(boss), 'Ban for 1 hour');
  await keyboard.press('Enter');
  await hasText(boss, '#ask-title', 'Ban <b>Gus</b>?');
  await keyboard.press('Escape');
  await boss.waitForSelector('#ask-dialog', { state: 'hidden' });
  assert.match(await boss.evaluate(() => document.activeElement.dataset.menu), /^guest \d+$/);
  await keyboard.press('Enter');
  await keyboard.press('b');
  await keyboard.press('Enter');
  await keyboard.type('enough');
  await keyboard.press('Enter');
  assert.equal((await gus.next('left')).reason, 'enough');
  await hasText(boss, '#notice', '<b>Gus</b> was banned for 1 hour. (enough)');
  assert.equal(await boss.$('#notice b, .log b b, [role="menu"]'), null);

  // All messages of a person. A server that does not know it says so.
  await tabTo('Moderate bob');
  await keyboard.press('Enter');
  await keyboard.press('d');
  await keyboard.press('Enter');
  await keyboard.press('Enter');
  await boss.waitForFunction(() => document.querySelector('#notice').textContent === 'The messages of bob were deleted.');
  await tabTo('Moderate this room');
  await keyboard.press('Enter');
  await keyboard.press('End');
  await keyboard.press('Enter');
  await hasText(boss, '#ask-title', 'Close dev?');
  await keyboard.press('Enter');
  await hasText(bob, '#title', 'lobby');
  await hasText(bob, '#notice', 'You are no longer in dev: the room was closed');
  await hasText(boss, '#title', 'lobby');
});

for (const [locale, colorScheme, viewport] of [['en-US', 'light', { width: 1200, height: 900 }], ['ko-KR', 'dark', { width: 390, height: 800 }]]) {
  test(`axe finds nothing in menus and dialogs, and nothing is cut off: ${colorScheme}, ${viewport.width} pixels`, async (t) => {
    const testd = await startTestd(t, ['presence=2']);
    await testd.command('set-role', 0, 'dev', 'boss', '3');
    const server = await startPageServer(t, { program: testd });
    const ann = connectChat(t, server, { room: 'dev', name: 'Ann' });
    await ann.next('named');
    const { seq } = await ann.send('A long message, so that the row is as wide as it can be. '.repeat(4));
    await ann.edit(seq, 'A long message that was edited, so that the row is as wide as it can be. '.repeat(4));
    for (const reaction of ['👍', '🎉', 'a reaction of thirty-two bytes..']) await ann.react(seq, reaction);
    const { seq: other } = await ann.send('to be deleted');
    await ann.send('an answer', { replyTo: seq });
    await ann.delete(other);
    const options = { locale, colorScheme, viewport, reducedMotion: 'reduce', hasTouch: viewport.width < 500 };
    const tab = await openPage(t, server, { name: 'boss', user: 'boss', room: 'dev', ...options });
    await hears(tab, 'an answer');
    await say(tab, 'my own');
    await tab.waitForSelector('.row.own:not(.pending)');
    const clean = async (where) => {
      assert.deepEqual(await accessibilityFaults(tab), [], where);
      assert.deepEqual(await tab.evaluate(() => [...document.querySelectorAll('.row *, .menu, .menu *, #about *, dialog[open] *')]
        .filter((one) => one.checkVisibility() && !one.closest('.hidden, svg'))
        .filter((one) => {
          const { left, right, width } = one.getBoundingClientRect();
          const within = one.closest('.row')?.getBoundingClientRect() ?? { left: 0, right: innerWidth };
          return width > 0 && (left < within.left - 0.5 || right > within.right + 0.5);
        })
        .map(({ className }) => className)), [], where);
      if (process.env.CHAT_SCREENSHOTS) await tab.screenshot({ path: `${process.env.CHAT_SCREENSHOTS}/${locale}-${where}.png` });
    };
    await clean('conversation');
    for (const text of ['A long message', 'my own']) {
      await openActions(tab, text);
      await clean(`menu of ${text}`);
      await tab.keyboard.press('Escape');
    }
    await openActions(tab, 'an answer');
    await tab.locator('[role="menuitem"]').nth(6).click();
    await tab.waitForSelector('#about:not([hidden])');
    await clean('reply');
    await tab.click('#about-cancel');
    await tab.click('#room-menu');
    await clean('room menu');
    await tab.keyboard.press('Escape');
    if (viewport.width < 1000) await tab.click('#open-people');
    await tab.click('#people-list .act');
    await clean('menu of a person');
    await tab.locator('[role="menuitem"]').nth(5).click();
    await tab.waitForSelector('#ask-dialog[open]');
    await clean('question');
  });
}
