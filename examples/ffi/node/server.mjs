// A chat server with koffi (npm install koffi).
//
//   node server.mjs [PORT]    the default is 3000; 0 takes any free port
//
// Structures are declared only as far as the program needs them. "rude" is refused, and "/stop" ends the server.
import koffi from 'koffi';

const CHAT_OK = 0;
const [CHAT_PASS, CHAT_REFUSE, CHAT_CONSUME] = [0, 1, 3];

koffi.struct('Message', {
  struct_size: 'size_t',
  room: 'const char *',
  event: 'const char *',
  payload: 'int',
  data: 'void *',
  data_size: 'size_t',
});
koffi.struct('MessageEvent', { struct_size: 'size_t', client: 'uint64_t', user: 'void *', message: 'Message *' });
const OnMessage = koffi.proto('int OnMessage(void *server, MessageEvent *event, void *user)');
// The same size as in chat.h, because the options contain it.
koffi.struct('Callbacks', {
  struct_size: 'size_t',
  before: koffi.array('void *', 6), // on_connect, on_open, on_disconnect, on_authorize, on_join, on_leave
  on_message: koffi.pointer(OnMessage),
  after: koffi.array('void *', 9), // on_log, on_ack, on_abandon, reserved
});
const Options = koffi.struct('Options', {
  struct_size: 'size_t',
  address: 'const char *',
  port: 'int',
  unix_path: 'const char *',
  listen_fd: 'int',
  threads: 'int',
  callbacks: 'Callbacks',
  user: 'void *',
});

const library = koffi.load('libchat.so.1');
const chat_server_options_init = library.func('int chat_server_options_init(_Out_ Options *options, size_t size)');
const chat_server_start = library.func('int chat_server_start(Options *options, _Out_ void **server)');
const chat_server_port = library.func('int chat_server_port(void *server)');
const chat_server_poll = library.func('int chat_server_poll(void *server, int timeout_ms)');
const chat_server_free = library.func('int chat_server_free(void *server)');
const chat_broadcast = library.func('int chat_broadcast(void *server, str room, str text, size_t size)');
const chat_message_event_refuse = library.func('int chat_message_event_refuse(MessageEvent *event, str reason)');
const chat_error_message = library.func('str chat_error_message()');

let stop = false;

// The event stays a pointer: a decoded structure is a copy.
const onMessage = koffi.register((server, event) => {
  try {
    const message = koffi.decode(koffi.decode(event, 'MessageEvent').message, 'Message');
    const text = koffi.decode(message.data, 'char', Number(message.data_size));
    console.log(`${message.room}: ${text}`);
    if (text === 'rude') return chat_message_event_refuse(event, 'be kind');
    if (text !== '/stop') return CHAT_PASS;
    stop = true;
    return CHAT_CONSUME;
  } catch (error) { // it must not propagate into the library
    console.error(error);
    return CHAT_REFUSE;
  }
}, koffi.pointer(OnMessage));

const options = {};
chat_server_options_init(options, koffi.sizeof(Options));
options.address = '127.0.0.1';
options.port = Number(process.argv[2] ?? 3000);
options.threads = 0; // JavaScript runs on one thread, and so must its callbacks
options.callbacks.on_message = onMessage;

const out = [null];
if (chat_server_start(options, out) !== CHAT_OK) throw new Error(chat_error_message());
const server = out[0];
console.log('listening on port', chat_server_port(server));

const timer = setInterval(() => {
  chat_server_poll(server, 0);
  if (!stop) return;
  clearInterval(timer);
  chat_broadcast(server, 'lobby', 'goodbye', 7);
  chat_server_free(server); // after closing all connections
}, 10);
