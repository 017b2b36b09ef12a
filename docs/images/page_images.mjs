// Makes the pictures of the chat page in docs/images: four people talk in a chatd, and chromium takes the picture of one's window.
//
//   node docs/images/page_images.mjs        needs build/dev/bin/chatd, tests/js/node_modules, chromium, and a font with Korean letters
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const { chromium } = createRequire(path.join(root, 'tests/js/'))('playwright-core');
const buildDir = process.env.CHAT_BUILD_DIR ?? path.join(root, 'build/dev');

const scenes = [
  {
    file: 'page-desktop.png',
    viewport: { width: 1200, height: 780 },
    options: { locale: 'en-US', colorScheme: 'light' },
    room: 'design',
    people: ['Mina', 'Ana', 'Jonas', 'Ella'], // the picture is of the last one's window
    talk: [
      ['Mina', 'Is the new client ready for a test?'],
      ['Mina', 'Try to cut the connection while you scroll.'],
      ['Ana', 'Tried it in the train, through three tunnels. Not a single message was missing.'],
      ['Jonas', 'It even found the one that I had sent in the tunnel. No duplicates.'],
      ['Jonas', { name: 'sketch.png' }],
      ['Whiteboard', { event: 'cursor', args: [{ x: 10, y: 20 }, true] }],
      ['Ella', 'Lovely. I will try it on my phone tonight.'],
    ],
    lobby: [['Ana', 'Good morning'], ['Mina', 'Coffee at ten?']],
    typing: 'Jonas',
  },
  {
    file: 'page-phone-ko-dark.png',
    viewport: { width: 390, height: 844 },
    options: { locale: 'ko-KR', colorScheme: 'dark', isMobile: true },
    room: '디자인',
    people: ['민아', '서연', '준호', '은하'],
    talk: [
      ['민아', '새 클라이언트, 이제 시험해 볼 수 있나요?'],
      ['민아', '스크롤하는 동안 연결을 끊어 보세요.'],
      ['서연', '지하철에서 터널 세 개를 지나며 써 봤는데 빠진 메시지가 하나도 없었어요.'],
      ['준호', '터널 안에서 보낸 메시지도 그대로 들어왔어요. 중복도 없고요.'],
      ['준호', { name: 'sketch.png' }],
      ['화이트보드', { event: 'cursor', args: [{ x: 10, y: 20 }, true] }],
      ['은하', '정말 좋네요. 오늘 저녁에 휴대폰으로도 써 볼게요.'],
    ],
    lobby: [['서연', '좋은 아침이에요'], ['민아', '10시에 커피 어때요?']],
    typing: '준호',
  },
];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu'],
});

async function open(url, name, scene, viewport) {
  const context = await browser.newContext({ ...scene.options, viewport });
  const tab = await context.newPage();
  await tab.addInitScript((wanted) => {
    localStorage.setItem(`chat:${location.pathname}:name`, JSON.stringify(wanted));
    localStorage.setItem(`chat:${location.pathname}:asked`, 'true');
  }, name);
  await tab.goto(`${url}#${encodeURIComponent(scene.room)}`);
  await tab.waitForSelector('body[data-state="open"]');
  return tab;
}

// A picture with soft colors, drawn in the browser.
function sketch(tab) {
  return tab.evaluate(() => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [320, 180];
    const context = canvas.getContext('2d');
    const corners = [[0, 0, '#3d55cf'], [320, 0, '#b5578a'], [0, 180, '#3ab8cc'], [320, 180, '#b3b98a']];
    for (const [x, y, color] of corners) {
      const gradient = context.createRadialGradient(x, y, 0, x, y, 320);
      gradient.addColorStop(0, color);
      gradient.addColorStop(1, `${color}00`);
      context.fillStyle = gradient;
      context.fillRect(0, 0, 320, 180);
    }
    return canvas.toDataURL('image/png').split(',')[1];
  });
}

async function send(tab, what) {
  if (typeof what === 'string') {
    await tab.fill('#text', what);
    await tab.press('#text', 'Enter');
  } else if (what.name) {
    const file = { name: what.name, mimeType: 'image/png', buffer: Buffer.from(await sketch(tab), 'base64') };
    await tab.setInputFiles('#file', file);
  } else {
    await tab.evaluate(([room, message]) => {
      const client = chat.connect({ room, name: message.from });
      return client.send({ event: message.event, args: message.args }).then(() => client.close());
    }, what);
  }
}

for (const scene of scenes) {
  const args = ['--address', '127.0.0.1', '--port', '0', '--print-port', '--lists', '--max-message-bytes', '1m'];
  const chatd = spawn(path.join(buildDir, 'bin/chatd'), args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const [port] = await once(chatd.stdout, 'data');
  const url = `http://127.0.0.1:${Number(String(port))}/`;
  const tabs = {};
  for (const name of scene.people) tabs[name] = await open(url, name, scene, { width: 1200, height: 780 });
  const seen = tabs[scene.people.at(-1)];
  // The second room, whose unread messages the picture shows.
  await seen.fill('#join-room', 'lobby');
  await seen.press('#join-room', 'Enter');
  await seen.locator('#room-list li', { hasText: scene.room }).locator('a, button').first().click();
  await seen.mouse.move(600, 30);
  await seen.setViewportSize(scene.viewport);
  let lines = 0;
  for (const [name, what] of scene.talk) {
    const message = what.event ? [scene.room, { ...what, from: name }] : what;
    await send(tabs[name] ?? seen, message);
    lines += 1;
    await seen.waitForFunction((count) => document.querySelectorAll('.log:not([hidden]) .row:not(.pending)').length >= count, lines);
  }
  for (const [name, text] of scene.lobby) {
    await tabs[name].evaluate(([from, line]) => {
      const client = chat.connect({ room: 'lobby', name: from });
      return client.send(line).then(() => client.close());
    }, [name, text]);
  }
  await tabs[scene.typing].fill('#text', '…');
  await seen.waitForTimeout(1500);
  await seen.screenshot({ path: path.join(root, 'docs/images', scene.file) });
  for (const tab of Object.values(tabs)) await tab.context().close();
  const exited = once(chatd, 'exit');
  chatd.kill('SIGTERM');
  await exited;
}
await browser.close();
