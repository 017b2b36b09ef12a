// A chat server with Zig.
//
//   zig translate-c -lc chat.h > chat.zig    with the path of chat.h, beside this file
//   zig build-exe server.zig -lc -lchat && ./server [PORT]    the default is 3000; 0 takes any free port
//
// "rude" is refused, and "/stop" ends the server.
const std = @import("std");
const chat = @import("chat.zig");

const c = struct {
    extern "c" fn printf(format: [*:0]const u8, ...) c_int;
    extern "c" fn fflush(file: ?*anyopaque) c_int;
    extern "c" fn atoi(text: [*:0]const u8) c_int;
    extern "c" fn usleep(microseconds: c_uint) c_int;
};

var stop = std.atomic.Value(bool).init(false);

fn onMessage(_: ?*chat.chat_server, event: [*c]chat.chat_message_event, _: ?*anyopaque) callconv(.c) chat.chat_verdict {
    const message: *const chat.chat_message = event.*.message;
    const text = if (message.data) |data| @as([*]const u8, @ptrCast(data))[0..message.data_size] else "";
    _ = c.printf("%s: %.*s\n", message.room, @as(c_int, @intCast(text.len)), text.ptr);
    _ = c.fflush(null);
    if (std.mem.eql(u8, text, "rude")) return chat.chat_message_event_refuse(event, "be kind");
    if (std.mem.eql(u8, text, "/stop")) {
        stop.store(true, .release);
        return chat.CHAT_CONSUME;
    }
    return chat.CHAT_PASS;
}

pub export fn main(argc: c_int, argv: [*]const [*:0]const u8) c_int {
    var options: chat.chat_server_options = undefined;
    _ = chat.chat_server_options_init(&options, @sizeOf(chat.chat_server_options));
    options.address = "127.0.0.1";
    options.port = if (argc > 1) c.atoi(argv[1]) else 3000;
    options.callbacks.on_message = onMessage;

    var server: ?*chat.chat_server = null;
    if (chat.chat_server_start(&options, &server) != chat.CHAT_OK) {
        _ = c.printf("%s\n", chat.chat_error_message());
        return 1;
    }
    _ = c.printf("listening on port %d\n", chat.chat_server_port(server));
    _ = c.fflush(null);

    while (!stop.load(.acquire)) _ = c.usleep(10_000);
    _ = chat.chat_broadcast(server, "lobby", "goodbye", 7);
    _ = chat.chat_server_free(server); // after closing all connections
    return 0;
}
