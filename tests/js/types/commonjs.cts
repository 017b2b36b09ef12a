import chat = require('../../../bindings/js/chat.js');

const client: chat.Client = chat.connect('ws://127.0.0.1/');
client.once('joined', ({ room, resumed }) => resumed && room.length);
