// A chat server with P/Invoke.
//
//   mcs Server.cs && mono Server.exe [PORT]    the default is 3000; 0 takes any free port
//
// Structures are declared only as far as the program needs them. "rude" is refused, and "/stop" ends the server.
using System;
using System.Runtime.InteropServices;
using System.Text;

static class Server {
  const string Library = "libchat.so.1";
  const int Ok = 0, Pass = 0, Refuse = 1, Consume = 3;

  [StructLayout(LayoutKind.Sequential)]
  struct Message {
    public UIntPtr StructSize;
    public IntPtr Room, Event;
    public int Payload;
    public IntPtr Data;
    public UIntPtr DataSize;
  }

  [StructLayout(LayoutKind.Sequential)]
  struct MessageEvent {
    public UIntPtr StructSize;
    public ulong Client;
    public IntPtr User, Message;
  }

  [StructLayout(LayoutKind.Sequential)]
  struct Callbacks { // the same size as in chat.h, because the options contain it
    public UIntPtr StructSize;
    public IntPtr OnConnect, OnOpen, OnDisconnect, OnAuthorize, OnJoin, OnLeave, OnMessage, OnLog, OnAck, OnAbandon;
    public IntPtr Reserved0, Reserved1, Reserved2, Reserved3, Reserved4, Reserved5;
  }

  [StructLayout(LayoutKind.Sequential)]
  struct Options {
    public UIntPtr StructSize;
    public IntPtr Address;
    public int Port;
    public IntPtr UnixPath;
    public int ListenFd, Threads;
    public Callbacks Callbacks;
    public IntPtr User;
  }

  [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
  delegate int MessageCallback(IntPtr server, IntPtr messageEvent, IntPtr user);

  [DllImport(Library)] static extern int chat_server_options_init(ref Options options, UIntPtr size);
  [DllImport(Library)] static extern int chat_server_start(ref Options options, out IntPtr server);
  [DllImport(Library)] static extern int chat_server_port(IntPtr server);
  [DllImport(Library)] static extern int chat_server_poll(IntPtr server, int timeoutMs);
  [DllImport(Library)] static extern int chat_server_free(IntPtr server);
  [DllImport(Library)] static extern int chat_broadcast(IntPtr server, byte[] room, byte[] text, UIntPtr size);
  [DllImport(Library)] static extern int chat_message_event_refuse(IntPtr messageEvent, byte[] reason);
  [DllImport(Library)] static extern IntPtr chat_error_message();

  static readonly MessageCallback onMessage = OnMessage; // a field, so that it is not collected
  static bool stop;

  static byte[] Utf8(string text) { return Encoding.UTF8.GetBytes(text + "\0"); }

  static int OnMessage(IntPtr server, IntPtr messageEvent, IntPtr user) {
    try {
      var chatEvent = (MessageEvent)Marshal.PtrToStructure(messageEvent, typeof(MessageEvent));
      var message = (Message)Marshal.PtrToStructure(chatEvent.Message, typeof(Message));
      var bytes = new byte[(int)message.DataSize];
      Marshal.Copy(message.Data, bytes, 0, bytes.Length);
      string text = Encoding.UTF8.GetString(bytes);
      Console.WriteLine(Marshal.PtrToStringAnsi(message.Room) + ": " + text);
      if (text == "rude") return chat_message_event_refuse(messageEvent, Utf8("be kind"));
      if (text != "/stop") return Pass;
      stop = true;
      return Consume;
    } catch (Exception) { // it must not propagate into the library
      return Refuse;
    }
  }

  static int Main(string[] arguments) {
    var options = new Options();
    chat_server_options_init(ref options, (UIntPtr)Marshal.SizeOf(typeof(Options)));
    options.Address = Marshal.StringToHGlobalAnsi("127.0.0.1");
    options.Port = arguments.Length > 0 ? int.Parse(arguments[0]) : 3000;
    options.Threads = 0; // callbacks run in chat_server_poll
    options.Callbacks.OnMessage = Marshal.GetFunctionPointerForDelegate(onMessage);

    IntPtr server;
    if (chat_server_start(ref options, out server) != Ok) {
      Console.Error.WriteLine(Marshal.PtrToStringAnsi(chat_error_message()));
      return 1;
    }
    Console.WriteLine("listening on port " + chat_server_port(server));

    while (!stop) chat_server_poll(server, 100);
    chat_broadcast(server, Utf8("lobby"), Utf8("goodbye"), (UIntPtr)7);
    chat_server_free(server); // after closing all connections
    return 0;
  }
}
