"""The binding covers chat.h: every option, enumeration, error, counter; all is typed and documented."""

import dataclasses
import enum
import inspect
import os
import re
import subprocess
import sys

import pychat
import pytest
from pychat import _pychat
from pychat_support import LIMIT_S, SOURCE_DIR, make_server

ABI = (SOURCE_DIR / "capi" / "libchat.abi").read_text()


def fields_of(structure):
    block = re.search(rf"^struct {structure}: .*\n((?:  .*\n)+)", ABI, re.MULTILINE).group(1)
    return re.findall(r"(\w+)(?:\[\d+\])?$", block, re.MULTILINE)


def constants_of(enumeration):
    block = re.search(rf"^enum {enumeration}: .*\n((?:  .*\n)+)", ABI, re.MULTILINE).group(1)
    return {name: int(number) for name, number in re.findall(r"(\w+) = (\d+)", block)}


def test_every_option_is_a_keyword():
    # Lists come as one keyword; what is pychat's own business is none.
    counts = {"endpoint_count", "static_mount_count", "allowed_origin_count", "trusted_proxy_count", "ephemeral_event_count"}
    counts |= {"allowed_host_count", "reserved_name_count"}
    expected = set(fields_of("chat_server_options")) - counts - {"struct_size", "callbacks", "user"}
    expected = expected - {"history_path"} | {"history"}
    assert set(pychat.ServerOptions.__annotations__) == expected


def value_for(name):
    special = {
        "endpoints": [pychat.Endpoint("/x")],
        "static_mounts": [pychat.StaticMount("/files", "/nowhere")],
        "allowed_origins": ["*"],
        "trusted_proxies": ["10.0.0.0/8"],
        "allowed_hosts": ["example.org"],
        "ephemeral_events": ["typing"],
        "reserved_names": ["admin"],
        "log_level": pychat.LogLevel.ERROR,
        "outbox_policy": pychat.OutboxPolicy.DROP_OLDEST,
        "history_sync": pychat.HistorySync.FULL,
        "history_on_failure": pychat.HistoryFailure.FORGET,
        "history_search": pychat.HistorySearch.WORDS,
        "cluster_policy": pychat.ClusterPolicy.ISLAND,
        "presence": pychat.PresenceLevel.FULL,
    }
    if name in special:
        return special[name]
    hint = pychat.ServerOptions.__annotations__[name]
    return 1 if "int" in str(hint) or "bool" in str(hint) else "/x"


# Server passes a history_store apart from the others.
@pytest.mark.parametrize("name", sorted(pychat.ServerOptions.__annotations__.keys() - {"history_store"}))
def test_the_extension_knows_every_keyword(name):
    # The port is no port, so that nothing starts: what is refused is that and not the name.
    with pytest.raises(pychat.ChatError):
        options = {"port": -5, "address": "127.0.0.1", "threads": 0, name: value_for(name), "max_rooms": -7}
        _pychat.Core(None, options).start(pychat.LogLevel.ERROR)


def test_unknown_options_and_wrong_types_are_told_by_name():
    with pytest.raises(TypeError, match="no such option: colour"):
        pychat.Server(colour="red")
    for options, error, text in [
        ({"port": "3000"}, TypeError, "port: not an integer"),
        ({"threads": 1.5}, TypeError, "threads"),
        ({"port": 2**40}, ValueError, "port: out of range"),
        ({"allowed_origins": "*"}, TypeError, "allowed_origins"),
        ({"default_room": 5}, TypeError, "default_room"),
        ({"default_room": "a\0b"}, ValueError, "default_room"),
        ({"address": "\ud800"}, ValueError, "address"),
        ({"endpoints": 5}, TypeError, "endpoints"),
        ({"endpoints": ["/chat"]}, TypeError, "endpoints"),
        ({"static_mounts": [("/x", "y")]}, TypeError, "static_mounts"),
        ({"trusted_proxies": 5}, TypeError, "trusted_proxies"),
    ]:
        # Where the mistake is made, not at the start.
        with pytest.raises(error, match=text):
            make_server(**options)


def test_options_arrive():
    with make_server(default_room="hall", endpoints=[pychat.Endpoint("/only", pychat.Protocol.CHAT_V1)]) as server:
        from pychat_support import connected

        with connected(server, "/only") as client:
            assert '"hall"' in client.recv(timeout=LIMIT_S)


ENUMERATIONS = {
    "chat_protocol": (pychat.Protocol, "CHAT_PROTOCOL_"),
    "chat_transport": (pychat.Transport, "CHAT_TRANSPORT_"),
    "chat_outbox_policy": (pychat.OutboxPolicy, "CHAT_OUTBOX_"),
    "chat_history_sync": (pychat.HistorySync, "CHAT_HISTORY_SYNC_"),
    "chat_history_failure": (pychat.HistoryFailure, "CHAT_HISTORY_"),
    "chat_history_search": (pychat.HistorySearch, "CHAT_HISTORY_SEARCH_"),
    "chat_cluster_policy": (pychat.ClusterPolicy, "CHAT_CLUSTER_"),
    "chat_presence_level": (pychat.PresenceLevel, "CHAT_PRESENCE_"),
    "chat_log_level": (pychat.LogLevel, "CHAT_LOG_"),
    "chat_verdict": (pychat.Verdict, "CHAT_"),
    "chat_action": (pychat.Action, "CHAT_ACTION_"),
    "chat_event_kind": (pychat.EventKind, "CHAT_EVENT_"),
    "chat_role": (pychat.Role, "CHAT_ROLE_"),
    "chat_moderation_action": (pychat.ModerationAction, "CHAT_MODERATION_"),
    "chat_payload": (pychat.Payload, "CHAT_PAYLOAD_"),
}


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_enumerations_are_those_of_the_header(name):
    ours, prefix = ENUMERATIONS[name]
    theirs = {key[len(prefix) :]: number for key, number in constants_of(name).items() if not key.endswith("_COUNT")}
    assert {member.name: member.value for member in ours} == theirs


def test_every_error_has_a_class():
    expected = {number for name, number in constants_of("chat_error").items() if name not in ("CHAT_OK", "CHAT_ERROR_COUNT")}
    classes = {
        value.code: value
        for value in vars(pychat).values()
        if inspect.isclass(value) and issubclass(value, pychat.ChatError) and value is not pychat.ChatError
    }
    assert set(classes) == expected
    assert issubclass(pychat.AddressInUseError, OSError)
    assert issubclass(pychat.NoSuchClientError, LookupError)
    assert issubclass(pychat.InvalidRoomError, ValueError)
    assert issubclass(pychat.TimedOutError, TimeoutError)
    assert issubclass(pychat.ChatPermissionError, PermissionError)


def test_every_counter_and_event_field_is_there():
    assert [field.name for field in dataclasses.fields(pychat.Stats)] == fields_of("chat_stats")[1:]
    connect = {field.name for field in dataclasses.fields(pychat.ConnectRequest)}
    assert connect == set(fields_of("chat_connect_event")) - {
        "struct_size", "query_count", "header_count", "cookie_count", "reason",
    }
    message = {name for name in dir(pychat.Message) if not name.startswith("_")}
    theirs = {"from_id" if name == "from" else name for name in fields_of("chat_message")}
    assert message >= theirs - {"struct_size", "data_size", "attachment_count", "attribute_count", "reaction_count", "except"}


def test_every_function_is_bound():
    functions = set(re.findall(r"^(?:\S+ )+\*?(chat_\w+)\(", ABI, re.MULTILINE))
    bound = set(re.findall(r"\bchat_\w+\b", "".join(path.read_text() for path in (SOURCE_DIR / "bindings/python/src").glob("*.*"))))
    # Errors come as exceptions, and `client.user` is kept by pychat.
    without = {"chat_error_name", "chat_client_user", "chat_client_set_user", "chat_broadcast", "chat_version_number"}
    # chat_history_between does all that it does.
    without.add("chat_history")
    # For languages without chat.h's macros and structures.
    without |= {name for name in functions if re.search(r"_init$|_event_refuse$", name)}
    assert functions - without <= bound


def test_everything_public_has_a_docstring():
    missing = []
    for name in pychat.__all__:
        value = getattr(pychat, name)
        if isinstance(value, (int, str)) or name in {"Event"}:
            continue
        if not inspect.getdoc(value):
            missing.append(name)
        if inspect.isclass(value) and not issubclass(value, (enum.Enum, Exception, dict)):
            for member, function in vars(value).items():
                if member.startswith("_") or isinstance(function, type(vars(pychat.Client)["id"])):
                    continue
                if (callable(function) or isinstance(function, property)) and not inspect.getdoc(function):
                    missing.append(f"{name}.{member}")
    assert not missing
    assert sorted(pychat.__all__, key=str) == sorted(
        name for name in vars(pychat) if name in pychat.__all__ or not name.startswith("_")
    )


def mypy(cache, *args):
    # Its cache stays out of the project.
    environment = {**os.environ, "MYPY_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", *args]
    result = subprocess.run(command, capture_output=True, text=True, cwd=SOURCE_DIR, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr


def test_types_are_strict(tmp_path):
    mypy(tmp_path, "mypy", "--config-file", "pyproject.toml", "bindings/python/pychat", "examples/python",
         "examples/socket-io-page/server.py")


def test_stubs_are_complete(tmp_path):
    mypy(tmp_path, "mypy.stubtest", "pychat", "--mypy-config-file", "pyproject.toml", "--concise",
         "--allowlist", "tests/bindings/python/stubtest.allowlist")


def test_room_names_and_features():
    pychat.check_room_name("lobby")
    for name in ["", "a/b", " a", "a\0b", "x" * 129]:
        with pytest.raises(pychat.InvalidRoomError):
            pychat.check_room_name(name)
    assert pychat.has_feature("host-driven") and not pychat.has_feature("telepathy")
    assert re.fullmatch(r"\d+\.\d+\.\d+", pychat.__version__)
