"""What is compiled in: the chat page with its files, and the script, at the paths that are chosen for them."""

import hashlib
import html
import re
import socket

import pytest
from support import SOURCE_DIR

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; manifest-src 'self'; require-trusted-types-for 'script'"
)
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
PAGE_FILES = [path for path in sorted((SOURCE_DIR / "page").iterdir()) if path.suffix in TYPES]
SCRIPT = SOURCE_DIR / "bindings/js/chat.js"


def meta(page, name):
    """What a browser reads there."""
    return html.unescape(re.search(rf'<meta name="{name}" content="([^"]*)">', page.body.decode()).group(1))


@pytest.fixture(scope="session")
def index():
    return (SOURCE_DIR / "page/index.html").read_text()


def test_the_page_is_there_without_being_asked_for(start_chatd, raw, index):
    connection = raw(start_chatd())
    page = connection.request("GET", "/")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-cache"
    assert (meta(page, "chat-endpoint"), meta(page, "chat-room")) == ("./chat.v1", "lobby")
    without = re.compile(r'(<meta name="chat-(?:endpoint|room)" content=")[^"]*')
    assert without.sub(r"\1", page.body.decode()) == without.sub(r"\1", index)


def test_all_that_the_page_refers_to_is_there(start_chatd, raw, index):
    connection = raw(start_chatd())
    named = re.findall(r'(?:href|src)="([^"#]+)"', index)
    assert "chat.js" in named
    for path in [*PAGE_FILES, SCRIPT]:
        answer = connection.request("GET", f"/{path.name}")
        assert (answer.status, answer.body) == (200, path.read_bytes()), path.name
        assert answer.headers["content-type"] == TYPES[path.suffix]
        assert answer.headers["etag"] == f'"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}"'
        assert answer.headers["x-content-type-options"] == "nosniff"
    for name in named:
        assert connection.request("GET", f"/{name}").status == 200, name


def test_head_etag_and_other_methods(start_chatd, raw):
    connection = raw(start_chatd())
    for target in ("/", "/chat.js"):
        whole = connection.request("GET", target)
        head = connection.request("HEAD", target)
        assert (head.status, head.headers) == (200, whole.headers)
        for tags in (whole.headers["etag"], f'"x", W/{whole.headers["etag"]}', "*"):
            same = connection.request("GET", target, [("If-None-Match", tags)])
            assert (same.status, same.body, same.headers["etag"]) == (304, b"", whole.headers["etag"])
        assert connection.request("GET", target, [("If-None-Match", '"x"')]).status == 200
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            other = connection.request(method, target, [("Content-Length", "0")])
            assert (other.status, other.headers["allow"]) == (405, "GET, HEAD")
    rooms = [connection, raw(start_chatd("--default-room", "other"))]
    tags = [one.request("GET", "/").headers["etag"] for one in rooms]
    assert tags[0] != tags[1]


def test_at_another_path_it_finds_what_it_needs(start_chatd, raw):
    connection = raw(start_chatd("--page", "/a/talk", "--endpoint", "/a/b=plain", "--endpoint", "/a/c/d=chat.v1"))
    moved = connection.request("GET", "/a/talk?room=caf%C3%A9&x=%26")
    assert (moved.status, moved.headers["location"]) == (301, "./talk/?room=caf%C3%A9&x=%26")
    page = connection.request("GET", "/a/talk/")
    assert page.status == 200
    assert meta(page, "chat-endpoint") == "../c/d"
    assert connection.request("GET", "/a/talk/chat.js").body == SCRIPT.read_bytes()
    assert connection.request("GET", "/a/talk/page.js").status == 200
    for target in ("/", "/page.js", "/a/page.js", "/a/talk/index.html", "/a/talk/page.js/", "/a/talk/x"):
        assert connection.request("GET", target).status == 404, target


def test_a_plain_endpoint_will_do(start_chatd, raw):
    connection = raw(start_chatd("--endpoint", "/socket.io=socket.io", "--endpoint", "/c=plain"))
    assert meta(connection.request("GET", "/"), "chat-endpoint") == "./c"


def test_the_room_is_escaped(start_chatd, raw):
    room = "\"><script>alert(1)</script>&amp;'"
    page = raw(start_chatd("--default-room", room.replace("/", ""))).request("GET", "/")
    assert meta(page, "chat-room") == room.replace("/", "")
    assert b"<script>alert" not in page.body


def test_beside_a_folder(start_chatd, raw, tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("other.html", "sub/chat.js"):
        (tmp_path / name).write_text("of the folder")
    connection = raw(start_chatd("--www", tmp_path))
    assert connection.request("GET", "/").status == 404
    assert connection.request("GET", "/chat.js").body == SCRIPT.read_bytes()
    # Asked for, the page is served as long as the folder has no index.html.
    connection = raw(start_chatd("--www", tmp_path, "--page", "/"))
    assert b"chat-endpoint" in connection.request("GET", "/").body
    assert connection.request("GET", "/page.js").status == 200
    for target in ("/other.html", "/sub/chat.js"):
        assert connection.request("GET", target).body == b"of the folder", target
    (tmp_path / "index.html").write_text("of the folder")
    assert connection.request("GET", "/").body == b"of the folder"


def test_off(start_chatd, raw):
    connection = raw(start_chatd("--page", "off", "--script", "off"))
    for target in ("/", "/chat.js", "/page.js", "/metrics"):
        assert connection.request("GET", target).status == 404, target


def test_other_origins_may_read_the_script_alone(start_chatd, raw):
    connection = raw(start_chatd("--origin", "https://example.org", "--script", "/s.js"))
    origin = [("Origin", "https://example.org")]
    script = connection.request("GET", "/s.js", origin)
    assert script.headers["access-control-allow-origin"] == "https://example.org"
    for target in ("/", "/page.js"):
        assert "access-control-allow-origin" not in connection.request("GET", target, origin).headers
    other = connection.request("GET", "/s.js", [("Origin", "https://evil.example")])
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    "args,named",
    [
        (["--page", "/chat"], "/chat"),
        (["--page", "/chat.v1"], "/chat.v1"),
        (["--page", "/socket.io/page"], "/socket.io"),
        (["--page", "/healthz"], "health"),
        (["--page", "/", "--endpoint", "/page.js=chat.v1"], "/page.js"),
        (["--page", "/", "--endpoint", "/=chat.v1"], "/"),
        (["--page", "/", "--endpoint", "/s=socket.io"], "chat.v1"),
        (["--page", "/a//b"], "empty segment"),
        (["--page", "/a?b"], "'?'"),
        (["--script", "/healthz"], "health"),
        (["--script", "/page.js"], "page"),
        (["--script", "/socket.io/socket.io.js"], "/socket.io"),
        (["--metrics", "/"], "page"),
        (["--metrics", "/chat.js"], "/chat.js"),
        (["--metrics", "/chat"], "/chat"),
        (["--page", "/talk", "--metrics", "/talk"], "/talk"),
        (["--page", "off", "--script", "/m", "--metrics", "/m"], "script"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_path_that_is_taken_stops_the_start(start_program, args, named):
    program = start_program("chatd", "--port", 0, *args)
    program.expected_code = 1
    assert program.wait() == 1
    assert named in program.errors, program.errors
    assert program.errors.startswith(("chatd: --page: ", "chatd: --script: ", "chatd: --metrics: ")), program.errors


HOSTILE = [
    "//", "/./", "/.", "/..", "/%2e%2e/page.js", "/../page/page.js", "/page.js%00", "/page.js%00.html", "/PAGE.JS", "/page.js.",
    "/%2fpage.js", "/page%2ejs/", "/\\page.js", "/chat.js/..", "/chat.js/../../etc/passwd", "/index.html", "/page.js;x",
    "/page.js%20", "/metrics/", "/metrics%2f", "/" + "a" * 4000, "/?" + "&".join(f"a{i}=%ff" for i in range(50)),
]


@pytest.mark.parametrize("target", HOSTILE, ids=lambda target: target[:30])
def test_hostile_paths(start_chatd, raw, still_chats, target):
    chatd = start_chatd("--page", "/talk", "--metrics", "/metrics")
    for prefix in ("", "/talk"):
        connection = raw(chatd)
        connection.try_send(f"GET {prefix}{target} HTTP/1.1\r\nHost: {connection.host}\r\nConnection: close\r\n\r\n")
        answer = connection.read_to_end()
        assert b"root:" not in answer
        head = answer.split(b"\r\n\r\n")[0]
        assert head == b"" or re.match(rb"HTTP/1\.1 (200|301|304|400|403|404) ", head), head
        for line in re.findall(rb"(?i)^location: (.*)$", head, re.M):
            assert line.startswith(b"./talk/"), line
    still_chats(chatd)


def test_a_redirect_goes_nowhere_else(start_chatd, raw):
    chatd = start_chatd("--page", "/a b")
    for query in ("?%0d%0aX-Evil:%201", "?//evil.example", "?a=%0a"):
        answer = raw(chatd).request("GET", f"/a%20b{query}")
        if answer.status == 400:  # libwebsockets takes no control characters
            continue
        assert answer.status == 301
        assert re.fullmatch(r"\./a%20b/\?[A-Za-z0-9%=.~_&-]*", answer.headers["location"]), answer.headers["location"]
        assert "x-evil" not in answer.headers


def test_a_slow_reader_of_the_page_harms_nobody(start_chatd, raw, still_chats):
    chatd = start_chatd()
    slow = raw(chatd, receive_buffer=2048)
    slow.send(f"GET /chat.js HTTP/1.1\r\nHost: {slow.host}\r\n\r\n" * 20)
    still_chats(chatd)
    slow.socket.shutdown(socket.SHUT_RDWR)
    still_chats(chatd)


def members(websocket, chatd, room, of):
    client = websocket(chatd, f"/chat.v1?room={room}")
    client.send_json({"type": "members", "room": of, "ref": "m"})
    client.send_json({"type": "rooms", "ref": "r"})
    answers = {}
    while len(answers) < 2:
        answer = client.read_json()
        if answer.get("ref") in ("m", "r"):
            answers[answer["ref"]] = answer
    return answers["m"], answers["r"]


def test_who_is_in_a_room_sees_who_else_is(start_chatd, websocket):
    chatd = start_chatd()
    inside, rooms = members(websocket, chatd, "dev", "dev")
    assert len(inside["members"]) == 1
    assert (rooms["type"], rooms["code"]) == ("error", "forbidden")
    outside, _ = members(websocket, chatd, "lobby", "dev")
    assert (outside["type"], outside["code"]) == ("error", "forbidden")


def test_without_the_page_nobody_sees_members(start_chatd, websocket):
    inside, rooms = members(websocket, start_chatd("--page", "off"), "dev", "dev")
    assert [answer["code"] for answer in (inside, rooms)] == ["forbidden", "forbidden"]


def test_lists_open_both(start_chatd, websocket):
    outside, rooms = members(websocket, start_chatd("--lists"), "lobby", "lobby")
    assert (outside["type"], rooms["type"]) == ("members", "rooms")
