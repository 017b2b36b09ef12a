#!/usr/bin/env python3
"""A chat and an aiohttp application in one process and one loop. A page of the application publishes to a room and shows its
history. With threads=0 the application's loop also drives the chat, so no lock is needed.

    aiohttp_app.py [CHAT_PORT [WEB_PORT]]        the defaults are 3000 and 8080; 0 takes any free port
    curl -d 'the oven is hot' http://localhost:8080/rooms/lobby
"""

import sys
from typing import AsyncIterator

from aiohttp import web
from pychat import NoSuchRoomError, Server

ports = [int(argument) for argument in sys.argv[1:]] + [3000, 8080][len(sys.argv) - 1 :]
server = Server(port=ports[0], threads=0)


async def publish(request: web.Request) -> web.Response:
    seq = server.broadcast(request.match_info["room"], await request.text())
    return web.json_response({"seq": seq})


async def history(request: web.Request) -> web.Response:
    try:
        kept = server.history(request.match_info["room"])
    except NoSuchRoomError:
        raise web.HTTPNotFound from None
    return web.json_response([{"seq": message.seq, "from": message.from_name, "text": message.text} for message in kept])


async def run_chat(app: web.Application) -> AsyncIterator[None]:
    async with server:
        print(f"chat on port {server.port}", flush=True)
        yield


async def say_port(app: web.Application) -> None:
    print("ready", flush=True)


app = web.Application()
app.add_routes([web.post("/rooms/{room}", publish), web.get("/rooms/{room}", history)])
app.cleanup_ctx.append(run_chat)
app.on_startup.append(say_port)
web.run_app(app, host="127.0.0.1", port=ports[1], print=lambda text: print(text, flush=True))
