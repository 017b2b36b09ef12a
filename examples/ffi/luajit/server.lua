-- A chat server with LuaJIT's FFI. chat_cdef.h has the declarations of chat.h, made by the command in docs/ffi.md.
--
--   luajit server.lua [PORT]    the default is 3000; 0 takes any free port
--
-- "rude" is refused, and "/stop" ends the server.
local ffi = require("ffi")

ffi.cdef(assert(io.open("chat_cdef.h")):read("*a"))
local chat = ffi.load("libchat.so.1")

local stop = false

local function decide(event)
  local message = event.message
  local text = ffi.string(message.data, message.data_size)
  print(ffi.string(message.room) .. ": " .. text)
  if text == "rude" then return chat.chat_message_event_refuse(event, "be kind") end
  if text == "/stop" then
    stop = true
    return chat.CHAT_CONSUME
  end
  return chat.CHAT_PASS
end

-- An error must not propagate into the library. A callback lives until the program ends.
local function on_message(_, event)
  local ok, verdict = pcall(decide, event)
  return ok and verdict or chat.CHAT_REFUSE
end

io.stdout:setvbuf("line")
local address = "127.0.0.1" -- kept alive by this variable, because the structure only points to it
local options = ffi.new("chat_server_options")
chat.chat_server_options_init(options, ffi.sizeof(options))
options.address = address
options.port = tonumber(arg[1] or 3000)
options.threads = 0 -- a Lua state runs on one thread, and so must its callbacks
options.callbacks.on_message = on_message

local out = ffi.new("chat_server *[1]")
if chat.chat_server_start(options, out) ~= chat.CHAT_OK then error(ffi.string(chat.chat_error_message())) end
local server = out[0]
print("listening on port " .. chat.chat_server_port(server))

-- Compiled code must not call a function that calls Lua back.
local function poll() chat.chat_server_poll(server, 100) end
local function free() chat.chat_server_free(server) end
jit.off(poll)
jit.off(free)

while not stop do poll() end
chat.chat_broadcast(server, "lobby", "goodbye", 7)
free() -- after closing all connections
