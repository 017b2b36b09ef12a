// A chat server with Rust's FFI.
//
//   rustc server.rs && ./server [PORT]    the default is 3000; 0 takes any free port
//
// Structures are declared only as far as the program needs them. "rude" is refused, and "/stop" ends the server.
use std::ffi::CStr;
use std::os::raw::{c_char, c_int, c_void};
use std::sync::mpsc::{channel, Sender};

// Not enums: another version of the library may have more values than Rust knows.
type Verdict = c_int;
const CHAT_PASS: Verdict = 0;
const CHAT_REFUSE: Verdict = 1;
const CHAT_CONSUME: Verdict = 3;

#[repr(C)]
struct Message {
    struct_size: usize,
    room: *const c_char,
    event: *const c_char,
    payload: c_int,
    data: *const u8,
    data_size: usize,
}

#[repr(C)]
struct MessageEvent {
    struct_size: usize,
    client: u64,
    user: *mut c_void,
    message: *const Message,
}

type OnMessage = extern "C" fn(*mut c_void, *mut MessageEvent, *mut c_void) -> Verdict;

#[repr(C)] // the same size as in chat.h, because the options contain it
struct Callbacks {
    struct_size: usize,
    before: [Option<extern "C" fn()>; 6], // on_connect, on_open, on_disconnect, on_authorize, on_join, on_leave
    on_message: Option<OnMessage>,
    after: [Option<extern "C" fn()>; 9], // on_log, on_ack, on_abandon, reserved
}

#[repr(C)]
struct Options {
    struct_size: usize,
    address: *const c_char,
    port: c_int,
    unix_path: *const c_char,
    listen_fd: c_int,
    threads: c_int,
    callbacks: Callbacks,
    user: *mut c_void,
}

#[link(name = "chat")]
extern "C" {
    fn chat_server_options_init(options: *mut Options, size: usize) -> c_int;
    fn chat_server_start(options: *const Options, server: *mut *mut c_void) -> c_int;
    fn chat_server_port(server: *const c_void) -> c_int;
    fn chat_server_free(server: *mut c_void) -> c_int;
    fn chat_broadcast(server: *mut c_void, room: *const c_char, text: *const u8, size: usize) -> c_int;
    fn chat_message_event_refuse(event: *mut MessageEvent, reason: *const c_char) -> Verdict;
    fn chat_error_message() -> *const c_char;
}

fn decide(event: *mut MessageEvent, stop: &Sender<()>) -> Verdict {
    let (room, text) = unsafe {
        let message = &*(*event).message;
        let data: &[u8] =
            if message.data_size == 0 { &[] } else { std::slice::from_raw_parts(message.data, message.data_size) };
        (CStr::from_ptr(message.room).to_string_lossy(), String::from_utf8_lossy(data))
    };
    println!("{room}: {text}");
    match &*text {
        "rude" => unsafe { chat_message_event_refuse(event, b"be kind\0".as_ptr().cast()) },
        "/stop" => {
            let _ = stop.send(());
            CHAT_CONSUME
        }
        _ => CHAT_PASS,
    }
}

extern "C" fn on_message(_server: *mut c_void, event: *mut MessageEvent, user: *mut c_void) -> Verdict {
    let stop = unsafe { &*user.cast::<Sender<()>>() };
    // A panic must not propagate into the library.
    std::panic::catch_unwind(|| decide(event, stop)).unwrap_or(CHAT_REFUSE)
}

fn main() {
    let port = std::env::args().nth(1).map_or(3000, |port| port.parse().expect("a port"));
    let (stop, stopped) = channel(); // `stop` outlives the server
    let mut server = std::ptr::null_mut();
    unsafe {
        let mut options = std::mem::zeroed();
        chat_server_options_init(&mut options, std::mem::size_of::<Options>());
        options.address = b"127.0.0.1\0".as_ptr().cast();
        options.port = port;
        options.callbacks.on_message = Some(on_message);
        options.user = &stop as *const Sender<()> as *mut c_void;
        if chat_server_start(&options, &mut server) != 0 {
            eprintln!("{}", CStr::from_ptr(chat_error_message()).to_string_lossy());
            std::process::exit(1);
        }
        println!("listening on port {}", chat_server_port(server));
        stopped.recv().expect("a callback sends it");
        chat_broadcast(server, b"lobby\0".as_ptr().cast(), b"goodbye".as_ptr(), 7);
        chat_server_free(server); // after closing all connections
    }
}
