// The official Java client of Socket.IO. Arguments: URL, and polling, websocket or upgrade.
// The scenario of tests/clients/socket_io.test.mjs.

import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.util.List;
import java.util.Map;
import org.json.JSONArray;
import org.json.JSONObject;

public final class SocketIo {
  private static final Transcript SAID = new Transcript();
  private static String mode;

  private static IO.Options options() {
    IO.Options options = new IO.Options();
    options.forceNew = true;
    options.reconnectionDelay = 50;
    options.randomizationFactor = 0;
    if (!mode.equals("upgrade")) options.transports = new String[] {mode};
    return options;
  }

  private static void say(Socket socket, String text) throws InterruptedException {
    socket.emit("text", text);
    SAID.wait("text");
  }

  public static void main(String[] args) throws Exception {
    mode = args[1];
    Socket socket = IO.socket(args[0], options());
    socket.on(Socket.EVENT_CONNECT, none -> SAID.note("connect"));
    socket.on(Socket.EVENT_DISCONNECT, reason -> {
      SAID.note(reason[0].equals("io server disconnect") ? "kick" : "disconnect");
    });
    for (String name : List.of("text", "json", "bytes", "mixed")) socket.on(name, heard -> SAID.note(name, heard));
    socket.on("large", heard -> {
      SAID.note("large", heard[0] instanceof byte[] bytes ? bytes.length : ((String) heard[0]).length());
    });
    socket.on("who", heard -> {
      SAID.note("asked", heard[0], heard[1]);
      ((Ack) heard[2]).call("Ann", new JSONObject(Map.of("n", heard[1])));
    });
    socket.connect();
    SAID.wait("connect");

    say(socket, "héllo 안녕 😀");
    JSONArray list = new JSONArray(List.of(true, JSONObject.NULL, 2.5, "x"));
    socket.emit("json", new JSONObject().put("a", 1).put("b", list), new JSONArray("[1,[2]]"), "last");
    SAID.wait("json");
    socket.emit("bytes", (Object) new byte[] {0, 1, 2, (byte) 0xff});
    SAID.wait("bytes");
    JSONArray parts = new JSONArray().put(new byte[] {1}).put(new byte[] {2, 3});
    socket.emit("mixed", new JSONObject().put("name", "파일").put("parts", parts), "last");
    SAID.wait("mixed");
    socket.emit("question", new Object[] {"why", new JSONObject().put("n", 1)}, answer -> SAID.note("answer", answer));
    SAID.wait("answer");
    socket.emit("question", new Object[] {new byte[] {(byte) 0xfe, (byte) 0xff}},
        answer -> SAID.note("answer bytes", answer));
    SAID.wait("answer bytes");
    socket.emit("script", new JSONArray(List.of("ask", 2000, "who", "there", 7)));
    SAID.wait("asked");
    socket.emit("large", "x".repeat(100_000));
    SAID.wait("large");
    socket.emit("large", (Object) new byte[200_000]);
    SAID.wait("large");

    IO.Options guest = options();
    guest.reconnection = false;
    guest.auth = Map.of("mode", "refuse", "reason", "no entry");
    Socket refused = IO.socket(args[0], guest);
    refused.on(Socket.EVENT_CONNECT_ERROR, error -> {
      SAID.note("refused", error[0] instanceof JSONObject told ? told.optString("message") : error[0].toString());
    });
    refused.connect();
    SAID.wait("refused");
    refused.disconnect();

    Transcript.write("cut");
    SAID.wait("disconnect");
    SAID.wait("connect");
    say(socket, "after the cut");
    Transcript.write("restart");
    SAID.wait("disconnect");
    SAID.wait("connect");
    say(socket, "after the restart");
    socket.emit("script", new JSONArray(List.of("kick", "bye")));
    SAID.wait("kick");

    // Two namespaces on one connection.
    Socket main = IO.socket(args[0], options());
    main.on("text", heard -> SAID.note("in the wrong namespace", heard));
    Socket dev = main.io().socket("/dev");
    dev.on("text", heard -> SAID.note("dev", heard));
    main.connect();
    dev.connect();
    dev.emit("text", "in dev");
    SAID.wait("dev");
    dev.disconnect();
    main.disconnect();
    Transcript.write("end");
    System.exit(0); // the threads of its HTTP client stay for a minute
  }
}
