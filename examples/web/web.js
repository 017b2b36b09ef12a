// Six panes, each with a client of another kind. A client is {title, note, path, connect}: connect({ open, line, close }) calls
// these when its connection is open, when it hears something and when the connection ends, and returns the function that says something.
const room = new URLSearchParams(location.search).get('room') ?? 'lobby';
const escaped = encodeURIComponent(room);
const ws = (path) => `${location.origin.replace(/^http/, 'ws')}${path}`;
const maxLines = 200;

const clients = [
  {
    title: 'WebSocket',
    note: 'the browser’s own, plain text',
    owns: (path) => path === '/chat',
    connect({ open, line, close }) {
      const socket = new WebSocket(ws(`/chat?room=${escaped}`));
      socket.onopen = open;
      socket.onmessage = ({ data }) => line(data);
      socket.onclose = close;
      return (text) => socket.send(text);
    },
  },
  {
    title: 'chat.js',
    note: 'chat.v1: JSON over WebSocket',
    owns: (path) => path === '/chat.v1',
    connect({ open, line, close }) {
      const client = chat.connect({ room });
      client.on('status', ({ state }) => (state === 'open' ? open() : close()));
      client.on('message', ({ text, args, from }) => line(text ?? JSON.stringify(args), from?.name));
      return (text) => client.send(text);
    },
  },
  {
    title: 'Socket.IO',
    note: 'socket.io-client: long polling, then WebSocket',
    owns: (path) => path.startsWith('/socket.io'),
    connect({ open, line, close }) {
      const socket = io(room === 'lobby' ? '/' : `/${room}`);
      socket.on('connect', open);
      socket.on('chat message', (text) => line(typeof text === 'string' ? text : JSON.stringify(text)));
      socket.on('disconnect', close);
      return (text) => socket.emit('chat message', text);
    },
  },
  {
    title: 'SockJS',
    note: 'sockjs-client, told to stream over XHR',
    owns: (path) => path.startsWith('/chat/'),
    connect({ open, line, close }) {
      const socket = new SockJS(`/chat?room=${escaped}`, null, { transports: ['xhr-streaming', 'xhr-polling'] });
      socket.onopen = open;
      socket.onmessage = ({ data }) => line(data);
      socket.onclose = close;
      return (text) => socket.send(text);
    },
  },
  {
    title: 'STOMP',
    note: '@stomp/stompjs: frames over WebSocket',
    owns: (path) => path.startsWith('/stomp'),
    connect({ open, line, close }) {
      const destination = `/topic/${room}`;
      const client = new StompJs.Client({ brokerURL: ws('/stomp') });
      client.onConnect = () => {
        client.subscribe(destination, ({ body, headers }) => line(body, headers.sender), { receipt: 'joined' });
        client.watchForReceipt('joined', open);
      };
      client.onWebSocketClose = close;
      client.activate();
      return (text) => client.publish({ destination, body: text });
    },
  },
  {
    title: 'EventSource and fetch',
    note: 'hears by Server-Sent Events, speaks by POST',
    owns: (path) => path.startsWith('/rooms/'),
    connect({ open, line, close }) {
      const events = new EventSource(`/rooms/${escaped}/events`);
      events.addEventListener('welcome', open);
      events.onmessage = ({ data }) => {
        const { text, args, from } = JSON.parse(data);
        line(text ?? JSON.stringify(args), from?.name);
      };
      events.onerror = close;
      const headers = { 'Content-Type': 'text/plain' };
      return (text) => fetch(`/rooms/${escaped}/messages`, { method: 'POST', headers, body: text });
    },
  },
];

// Adds a line at the end of a list, and keeps the end in view.
function append(list, item) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(item);
  while (list.children.length > maxLines) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function bytesOf(data) {
  if (typeof data === 'string') return data;
  const bytes = new Uint8Array(data instanceof ArrayBuffer ? data : data.buffer ?? []);
  return `bytes ${[...bytes.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}`;
}

// Control characters and long repetitions become readable.
function readable(data) {
  return bytesOf(data)
    .replace(/(h)\1{99,}/g, (all) => `h × ${all.length}`)
    .replace(/\0/g, '^@')
    .replace(/\x1e/g, ' ␞ ')
    .trimEnd()
    .slice(0, 600) || '(end of line)';
}

function frameItem({ sent, data, kind }) {
  const item = document.createElement('li');
  item.className = sent ? 'sent' : 'received';
  item.title = `${kind}, ${sent ? 'sent' : 'received'}`;
  item.textContent = readable(data);
  return item;
}

function lineItem(text, from) {
  const item = document.createElement('li');
  if (from) {
    const name = document.createElement('b');
    name.textContent = from;
    item.append(name, ' ');
  }
  item.append(text);
  return item;
}

for (const client of clients) {
  const pane = document.getElementById('pane').content.firstElementChild.cloneNode(true);
  const find = (selector) => pane.querySelector(selector);
  const [lines, frames, form, input, state] = ['.lines', '.frames', 'form', 'input', '.state'].map(find);
  const setState = (open) => {
    pane.classList.toggle('open', open);
    state.textContent = open ? 'connected' : 'connecting';
    find('button').disabled = !open;
  };
  pane.setAttribute('aria-label', client.title);
  find('.title').textContent = client.title;
  find('.note').textContent = client.note;
  setState(false);
  document.getElementById('panes').append(pane);

  tap.watch((frame) => {
    if (client.owns(frame.path)) append(frames, frameItem(frame));
  });
  const say = client.connect({
    open: () => setState(true),
    line: (text, from) => append(lines, lineItem(text, from)),
    close: () => setState(false),
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (input.value && pane.classList.contains('open')) {
      say(input.value);
      input.value = '';
    }
  });
}
