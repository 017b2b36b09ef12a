#!/usr/bin/env python3
"""A moderated room in asyncio. It looks up each new client and checks each message without delaying other clients.

    moderate.py [PORT]        the default is 3000; 0 takes any free port
    wscat -c 'ws://localhost:3000/chat?token=ann'
"""

import asyncio
import sys
from typing import Union

from pychat import ConnectRequest, Identity, Message, Refuse, Replace, Server

server = Server(port=int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
people = {"ann": "Ann", "bob": "Bob"}


async def look_up(token: str) -> str:
    await asyncio.sleep(0.01)  # stands for a database query
    if token not in people:
        raise Refuse("who are you?")
    return people[token]


async def check(text: str) -> str:
    await asyncio.sleep(0.01)  # stands for a call of a moderation service
    return "insult" if "stupid" in text else "question" if text.endswith("?") else "fine"


@server.on_connect
async def on_connect(request: ConnectRequest) -> Identity:
    return Identity(user_id=request.token, name=await look_up(request.token))


@server.on_message
async def on_message(message: Message) -> Union[None, Refuse, Replace]:
    verdict = await check(message.text)
    if verdict == "insult":
        message.client.send("please be kind")
        return Refuse("please be kind")
    if verdict == "question":
        return Replace(f"{message.text} (asked by {message.from_name})")
    return None


async def main() -> None:
    server.start()
    print(f"listening on port {server.port}", flush=True)
    await server.aserve_forever()


asyncio.run(main())
