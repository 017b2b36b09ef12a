"""chatd --www: files with their type and an ETag, and nothing from outside the folder."""

import os

import pytest
from support import TEXT


@pytest.fixture
def www(tmp_path):
    folder = tmp_path / "www"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "bare").mkdir()
    (folder / "index.html").write_text("<!doctype html>start")
    (folder / "sub" / "index.html").write_text("sub start")
    (folder / "sub" / "deep" / "a.js").write_text("let a;")
    (folder / "style.css").write_text("body{}")
    (folder / "with space.txt").write_text("a space")
    (folder / "naïve.txt").write_text("a letter")
    (folder / "empty.txt").write_text("")
    (folder / "big.bin").write_bytes(bytes(range(256)) * 20_000)
    (folder / "chat").write_text("at the endpoint's path")
    (folder / "inside.txt").symlink_to("style.css")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "out.txt").symlink_to("../secret.txt")
    (folder / "outside").symlink_to("..")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    (tmp_path / "www-sibling").mkdir()
    (tmp_path / "www-sibling" / "s.txt").write_text("secret")
    return folder


@pytest.fixture
def chatd(start_chatd, www):
    return start_chatd("--www", www)


def test_types(chatd, raw, www):
    for name in ("a.html", "a.js", "a.mjs", "a.json", "a.svg", "a.png", "a.wasm", "a.txt", "a.unknown", "noending", "a.CSS"):
        (www / name).write_text("x")
    connection = raw(chatd)
    expected = {
        "a.html": "text/html",
        "a.js": "text/javascript",
        "a.mjs": "text/javascript",
        "a.json": "application/json",
        "a.svg": "image/svg+xml",
        "a.png": "image/png",
        "a.wasm": "application/wasm",
        "a.txt": "text/plain",
        "style.css": "text/css",
        "a.CSS": "text/css",
        "a.unknown": "application/octet-stream",
        "noending": "application/octet-stream",
    }
    for name, type in expected.items():
        answer = connection.request("GET", f"/{name}")
        assert answer.status == 200, name
        given = answer.headers["content-type"].replace("application/javascript", "text/javascript")
        assert given.split(";")[0] == type, name
        assert answer.headers.get("x-content-type-options", "nosniff") == "nosniff"
    assert connection.request("GET", "/a.html").headers["content-type"].lower().endswith("charset=utf-8")


def test_bodies(chatd, raw, www):
    connection = raw(chatd)
    assert connection.request("GET", "/style.css").body == b"body{}"
    assert connection.request("GET", "/sub/deep/a.js?v=2").body == b"let a;"
    assert connection.request("GET", "/with%20space.txt").body == b"a space"
    assert connection.request("GET", "/na%C3%AFve.txt").body == b"a letter"
    assert connection.request("GET", "/inside.txt").body == b"body{}"
    empty = connection.request("GET", "/empty.txt")
    assert (empty.status, empty.body, empty.headers["content-length"]) == (200, b"", "0")
    assert connection.request("GET", "/big.bin").body == (www / "big.bin").read_bytes()
    assert connection.request("GET", "/style.css").body == b"body{}"


def test_index(chatd, raw):
    connection = raw(chatd)
    root = connection.request("GET", "/")
    assert root.body == b"<!doctype html>start"
    assert root.headers["content-type"].startswith("text/html")
    assert connection.request("GET", "/?x=1").status == 200
    assert connection.request("GET", "/sub/").body == b"sub start"
    # Without the slash its own links would be wrong: either it says where, or it is not there.
    without = connection.request("GET", "/sub")
    assert without.status in (301, 302, 307, 308, 404)
    if without.status != 404:
        assert without.headers["location"].endswith("/sub/")
    assert connection.request("GET", "/bare/").status == 404
    assert connection.request("GET", "/bare").status in (301, 302, 307, 308, 404)


def test_a_redirect_stays_on_this_host(chatd, raw, www):
    connection = raw(chatd)
    for target in ("//evil.example/..", "//evil.example/%2e%2e/sub", "/\\evil.example/../sub", "//sub"):
        answer = connection.request("GET", target)
        location = answer.headers.get("location", "/")
        assert location.startswith("/") and not location.startswith(("//", "/\\")), (target, location)


def test_head(chatd, raw):
    connection = raw(chatd)
    got = connection.request("GET", "/big.bin")
    head = connection.request("HEAD", "/big.bin")
    assert head.status == 200
    for name in ("content-length", "content-type", "etag"):
        assert head.headers[name] == got.headers[name]
    assert connection.request("HEAD", "/nothing").status == 404
    assert connection.request("GET", "/style.css").body == b"body{}"


def test_etag(chatd, raw, www):
    connection = raw(chatd)
    etag = connection.request("GET", "/style.css").headers["etag"]
    assert etag.startswith(('"', 'W/"'))
    for value in (etag, f'"other", {etag}', "*"):
        answer = connection.request("GET", "/style.css", [("If-None-Match", value)])
        assert (answer.status, answer.body) == (304, b""), value
        assert answer.headers["etag"] == etag
    assert connection.request("HEAD", "/style.css", [("If-None-Match", etag)]).status == 304
    assert connection.request("GET", "/style.css", [("If-None-Match", '"other"')]).status == 200
    (www / "style.css").write_text("body{color:red}")
    changed = connection.request("GET", "/style.css", [("If-None-Match", etag)])
    assert (changed.status, changed.body) == (200, b"body{color:red}")
    assert changed.headers["etag"] != etag


ESCAPES = [
    "/../secret.txt",
    "/sub/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/%2E%2E/secret.txt",
    "/.%2e/secret.txt",
    "/%2e./secret.txt",
    "/..%2fsecret.txt",
    "/..%2Fsecret.txt",
    "/sub%2f..%2f..%2fsecret.txt",
    "/..%5csecret.txt",
    "/..\\secret.txt",
    "/%252e%252e/secret.txt",
    "/....//secret.txt",
    "/.../secret.txt",
    "//../secret.txt",
    "/./../secret.txt",
    "/sub/./../../secret.txt",
    "/sub//..//..//secret.txt",
    "/;/../../secret.txt",
    "/../www-sibling/s.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/style.css%00.html",
    "/style.css/",
    "/style.css/x",
    "/out.txt",
    "/outside/secret.txt",
    "/outside/www-sibling/s.txt",
    "/loop",
    "/pipe",
    "//etc/passwd",
    "/etc/passwd",
    "/proc/self/environ",
]


@pytest.mark.parametrize("target", ESCAPES)
def test_nothing_outside_is_served(chatd, raw, still_chats, target):
    connection = raw(chatd)
    connection.send(f"GET {target} HTTP/1.1\r\nHost: {connection.host}\r\nConnection: close\r\n\r\n")
    answer = connection.read_to_end()
    assert b"secret" not in answer and b"root:" not in answer
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 403 ", b"HTTP/1.1 404 ")), answer[:200]
    still_chats(chatd)


def test_dots_within_the_folder_are_fine_or_refused(chatd, raw):
    answer = raw(chatd).request("GET", "/sub/../style.css")
    assert (answer.status, answer.body) in ((200, b"body{}"), (404, answer.body), (400, answer.body))


@pytest.mark.parametrize(
    "target", ["/.env", "/%2eenv", "//.env", "/sub/../.env", "/.git/config", "/%2Egit/config", "/sub/.htpasswd", "/.git/", "/.git"]
)
def test_names_that_begin_with_a_dot_are_not_served(chatd, raw, www, target):
    for name in (".env", ".git/config", ".git/index.html", "sub/.htpasswd"):
        (www / name).parent.mkdir(exist_ok=True)
        (www / name).write_text("hidden")
    answer = raw(chatd).request("GET", target)
    assert (answer.status, b"hidden" in answer.body) == (404, False)


def test_well_known_files_are_served(chatd, raw, www):
    (www / ".well-known/acme-challenge").mkdir(parents=True)
    (www / ".well-known/acme-challenge/token").write_text("token")
    assert raw(chatd).request("GET", "/.well-known/acme-challenge/token").body == b"token"


def test_only_get_and_head(chatd, raw):
    for method, target in [(m, t) for m in ("POST", "PUT", "DELETE") for t in ("/style.css", "/sub", "/nothing")]:
        answer = raw(chatd).request(method, target, [("Content-Length", "0")])
        assert answer.status == 405, method
        assert "GET" in answer.headers["allow"]


def test_a_file_at_an_endpoints_path(chatd, raw, websocket):
    client = websocket(chatd, "/chat")
    client.send_text("hello")
    assert client.read_frame() == (TEXT, b"hello")
    assert raw(chatd).request("GET", "/chat").body == b"at the endpoint's path"
    assert raw(chatd).request("GET", "/chat.v1").body == b"Welcome to SockJS!\n"


# Paths that the server answers by itself when the folder has no file there.
OWN = ["/", "/page.css", "/manifest.webmanifest", "/chat.js", "/metrics", "/chat", "/chat.v1", "/socket.io/", "/socket.io/socket.io.js"]


def own_paths(start_chatd, www):
    return start_chatd("--www", www, "--page", "/", "--metrics", "/metrics")


@pytest.mark.parametrize("path", OWN)
def test_a_file_of_the_folder_wins(start_chatd, raw, tmp_path, path):
    chatd = own_paths(start_chatd, tmp_path)
    connection = raw(chatd)
    before = connection.request("GET", path)
    file = tmp_path / path.removeprefix("/") / ("index.html" if path.endswith("/") else "")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("of the folder")
    answer = connection.request("GET", path)
    assert (answer.status, answer.body) == (200, b"of the folder"), before.status
    assert "content-security-policy" not in answer.headers
    assert connection.request("GET", f"{path}?v=2").body == b"of the folder"
    assert connection.request("HEAD", path).headers["etag"] == answer.headers["etag"]
    file.unlink()
    after = connection.request("GET", path)
    assert (after.status, after.body.split(b" ")[0]) == (before.status, before.body.split(b" ")[0])


def test_a_folder_of_the_folder_wins(start_chatd, raw, tmp_path):
    connection = raw(start_chatd("--www", tmp_path, "--page", "/talk"))
    for name in ("talk", "chat", "socket.io"):
        before = connection.request("GET", f"/{name}").status
        (tmp_path / name).mkdir()
        assert connection.request("GET", f"/{name}").status == before, "a folder without an index.html answers nothing"
        (tmp_path / name / "index.html").write_text(name)
        assert connection.request("GET", f"/{name}").headers["location"] == f"/{name}/"
        assert connection.request("GET", f"/{name}/").body == name.encode()


def test_a_file_hides_neither_health_nor_protocols(start_chatd, raw, websocket, tmp_path):
    for name in ("healthz", "readyz", "chat", "socket.io/index.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("of the folder")
    chatd = own_paths(start_chatd, tmp_path)
    connection = raw(chatd)
    assert connection.request("GET", "/healthz").body == b"ok\n"
    assert connection.request("GET", "/readyz").body == b"ready\n"
    assert connection.request("GET", "/socket.io/").body == b"of the folder"
    for query in ("EIO=4&transport=polling", "transport=polling&EIO=4&t=x"):
        assert connection.request("GET", f"/socket.io/?{query}").body.startswith(b'0{"sid":')
    for query in ("EIO=4", "transport=polling", "transport=other"):
        assert connection.request("GET", f"/socket.io/?{query}").body.startswith(b'{"code":')
    post = connection.request("POST", "/socket.io/", [("Content-Length", "0")])
    assert post.body.startswith(b'{"code":')
    client = websocket(chatd, "/chat")
    client.send_text("hello")
    assert client.read_frame() == (TEXT, b"hello")


def test_an_endpoint_at_the_root_beside_files(start_chatd, raw, websocket, www):
    chatd = start_chatd("--www", www, "--endpoint", "/=plain")
    assert raw(chatd).request("GET", "/").body == b"<!doctype html>start"
    client = websocket(chatd, "/")
    client.send_text("hello")
    assert client.read_frame() == (TEXT, b"hello")


def test_what_files_hide_is_logged(start_chatd, tmp_path):
    (tmp_path / "chat.js").write_text("mine")
    (tmp_path / "metrics").write_text("mine")
    (tmp_path / "socket.io").mkdir()
    (tmp_path / "socket.io" / "socket.io.js").write_text("mine")
    chatd = own_paths(start_chatd, tmp_path)
    for path in ("/chat.js", "/metrics", "/socket.io/socket.io.js"):
        chatd.wait_error(f" {path} is served from static_mounts")
    assert "/page.css" not in chatd.errors


def test_a_file_that_goes_away_is_404(chatd, raw, www):
    connection = raw(chatd)
    assert connection.request("GET", "/style.css").status == 200
    (www / "style.css").unlink()
    assert connection.request("GET", "/style.css").status == 404


def test_unreadable_files_are_not_served(chatd, raw, www):
    (www / "style.css").chmod(0)
    answer = raw(chatd).request("GET", "/style.css")
    assert answer.status in (403, 404) or os.geteuid() == 0


def test_a_reader_that_stops_does_not_hold_the_server(chatd, raw, still_chats):
    slow = raw(chatd, receive_buffer=4096)
    slow.send(f"GET /big.bin HTTP/1.1\r\nHost: {slow.host}\r\n\r\n")
    slow.read(1000)
    still_chats(chatd)
    for _ in range(5):
        leaver = raw(chatd)
        leaver.send(f"GET /big.bin HTTP/1.1\r\nHost: {leaver.host}\r\n\r\n")
        leaver.read(1000)
        leaver.reset()
    still_chats(chatd)


def test_files_are_closed_again(chatd, raw, still_chats):
    still_chats(chatd)
    before = chatd.descriptor_count()
    connection = raw(chatd)
    for _ in range(50):
        connection.request("GET", "/style.css")
        connection.request("HEAD", "/big.bin")
        connection.request("GET", "/nothing")
    assert chatd.descriptor_count() <= before + 2


def test_a_folder_that_is_none_stops_the_start(start_program, tmp_path):
    program = start_program("chatd", "--port", 0, "--www", tmp_path / "missing")
    program.expected_code = 1
    assert program.wait() == 1
    assert "missing" in program.errors
