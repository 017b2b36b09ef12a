// The chat page: brings the client (the global `chat` of chat.js) together with what is seen. Rooms, messages, people and
// the connection have a file each; here is what people do: write, rename themselves, press keys.
import { avatar, byId, recall, remember } from './dom.js';
import { errorText, fillIn, t } from './strings.js';
import { showConnection } from './connection.js';
import { layOut, nextPart } from './layout.js';
import { Log } from './log.js';
import { People } from './people.js';
import { RoomList, roomOfHash } from './room_list.js';

const firstHistory = 50;
// Below the server's 65,536 for a frame, with the rest of it.
const maxTextBytes = 60_000;

const setting = (name) => document.querySelector(`meta[name="${name}"]`).content;

fillIn(document);
const { drawers, closeDrawers } = layOut();

const first = roomOfHash() || setting('chat-room');
const client = globalThis.chat.connect({
  url: new URL(setting('chat-endpoint'), location.href),
  room: first,
  rooms: RoomList.remembered().filter((room) => room !== first),
  name: recall('localStorage', 'name') ?? undefined,
  resend: true,
});

const isLooking = (room) => room === rooms.current && document.visibilityState === 'visible';

const rooms = new RoomList(client, {
  makeLog: (room) => new Log(room, {
    isLooking,
    loadOlder: (after) => client.history({ room, after }),
    retry: (text) => say(text, room),
    changed: () => {
      rooms.draw();
      showJump();
    },
    scrolled: () => showJump(),
  }),
  left: (room) => people.forget(room),
  shown: () => {
    showJump();
    closeDrawers();
    people.show();
    people.showTyping();
    people.refresh();
    byId('notice').textContent = '';
  },
});
const people = new People(client, () => rooms.current);
showConnection(client);

// ---- what comes

client.on('message', (message) => {
  if (people.take(message)) return;
  // An announcement belongs to no room: it stands in the one that is looked at.
  rooms.get(message.room ?? rooms.current)?.add(message);
});

client.on('joined', async ({ room, resumed }) => {
  const log = rooms.add(room);
  if (resumed || log.length > 0) return;
  try {
    log.loaded(await client.history({ room, limit: firstHistory }));
  } catch (error) {
    if (error.code !== 'connection_lost') log.addNotice(t('gap'));
  }
});

client.on('left', ({ room, reason, asked }) => {
  rooms.remove(room);
  if (!asked) byId('notice').textContent = t('left', room, reason);
});

// What was dropped on the way may still be kept.
client.on('gap', async ({ room, epoch, cause, from, to }) => {
  const log = rooms.get(room);
  if (!log || (cause === 'slow' && from === undefined)) return;
  if (cause === 'epoch') log.addGap(t('epoch'), epoch, 1);
  else if (cause === 'old') log.addGap(t('gap'), epoch, from);
  else {
    const reply = await client.history({ room, after: from - 1 }).catch(() => null);
    if (!reply || reply.epoch !== epoch || !reply.complete) log.addGap(t('gap'), epoch, from);
    log.addAll((reply?.messages ?? []).filter(({ seq }) => seq <= to));
  }
});

client.on('named', ({ name }) => showName(name));
client.on('error', (error) => { byId('notice').textContent = errorText(error); });
client.on('status', ({ state, name }) => {
  if (state !== 'open') return;
  showName(name);
  byId('notice').textContent = '';
  if (!recall('localStorage', 'asked')) askName();
});

// ---- what is said

const text = byId('text');

async function say(what, room = rooms.current) {
  const pending = rooms.get(room).addPending(what, client.name);
  try {
    pending.sent(await client.send(what, { room }));
  } catch (error) {
    pending.failed(errorText(error));
    if (isLooking(room) && client.state === 'open') byId('notice').textContent = errorText(error);
  }
}

function fitText() {
  text.style.height = 'auto';
  text.style.height = `${text.scrollHeight + 2}px`;
}

byId('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const what = text.value.trim();
  if (!what || rooms.current === null) return;
  if (new TextEncoder().encode(JSON.stringify(what)).length > maxTextBytes) {
    byId('notice').textContent = t('tooLong');
    return;
  }
  byId('notice').textContent = '';
  text.value = '';
  fitText();
  people.said();
  say(what);
  text.focus();
});

// While a syllable or a word is composed, Enter belongs to the input method. Some browsers say so by 229 only.
text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  byId('composer').requestSubmit();
});
text.addEventListener('input', () => {
  fitText();
  if (text.value.trim()) people.typed();
});

// ---- one's name

const nameDialog = byId('name-dialog');

function showName(name) {
  const me = byId('me');
  me.querySelector('b').textContent = name;
  me.querySelector('.avatar').replaceWith(avatar(name));
}

function askName() {
  byId('name').value = recall('localStorage', 'name') ?? '';
  byId('name').placeholder = client.name ?? '';
  byId('name-error').textContent = '';
  if (!nameDialog.open) nameDialog.showModal();
}

byId('me').addEventListener('click', () => {
  closeDrawers();
  askName();
});
byId('name-later').addEventListener('click', () => nameDialog.close());
nameDialog.addEventListener('close', () => {
  remember('localStorage', 'asked', true);
  text.focus();
});
nameDialog.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const wanted = byId('name').value.trim();
  if (!wanted) {
    nameDialog.close();
    return;
  }
  try {
    const name = await client.rename(wanted);
    remember('localStorage', 'name', name);
    byId('announcer').textContent = t('named', name);
    nameDialog.close();
  } catch (error) {
    byId('name-error').textContent = errorText(error);
  }
});

// ---- looking and keys

const jump = byId('jump');

function showJump() {
  const log = rooms.get(rooms.current);
  jump.hidden = !log || log.atBottom;
  jump.textContent = log?.unread ? t('newBelow', log.unread) : t('toNewest');
}

jump.addEventListener('click', () => {
  rooms.get(rooms.current)?.toBottom();
  text.focus();
});
document.addEventListener('visibilitychange', () => rooms.get(rooms.current)?.looked());
addEventListener('keydown', (event) => {
  if (nameDialog.open) return;
  if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) rooms.step(event.key === 'ArrowUp' ? -1 : 1);
  else if (event.key === 'F6') nextPart(event.shiftKey);
  else if (event.key === 'Escape' && drawers.some((drawer) => drawer.isOver)) closeDrawers();
  else return;
  event.preventDefault();
});
