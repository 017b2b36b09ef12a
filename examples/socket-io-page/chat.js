// The page's side of the chat. It works with server.c, server.cpp and server.py, and with chatd, which relays every event.
const socket = io();
const messages = document.getElementById("messages");
const typing = document.getElementById("typing");
const input = document.getElementById("input");
let typingTimer;

function show(text) {
  const item = document.createElement("li");
  item.textContent = text;
  messages.append(item);
  if (messages.children.length > 500) messages.firstElementChild.remove();
  item.scrollIntoView();
}

document.getElementById("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (input.value) socket.emit("chat message", input.value);
  input.value = "";
});

input.addEventListener("input", () => socket.volatile.emit("typing", socket.id));

socket.on("chat message", (text) => {
  typing.textContent = "";
  show(text);
});

socket.on("user connected", show);
socket.on("user disconnected", show);

socket.on("typing", (id) => {
  if (id === socket.id) return;
  typing.textContent = "Somebody is typing…";
  clearTimeout(typingTimer);
  typingTimer = setTimeout(() => { typing.textContent = ""; }, 3000);
});
