// java.net.http.WebSocket, of the JDK. Arguments: URL, and plain or chat.v1. The scenario of tests/clients/websocket.test.mjs.

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.json.JSONObject;

public final class PlainJdk implements WebSocket.Listener {
  private final BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
  private final StringBuilder text = new StringBuilder();
  private final ByteArrayOutputStream binary = new ByteArrayOutputStream();

  @Override
  public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
    text.append(data);
    if (last) {
      heard.add(text.toString());
      text.setLength(0);
    }
    socket.request(1);
    return null;
  }

  @Override
  public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
    byte[] bytes = new byte[data.remaining()];
    data.get(bytes);
    binary.writeBytes(bytes);
    if (last) {
      heard.add(binary.toByteArray());
      binary.reset();
    }
    socket.request(1);
    return null;
  }

  @Override
  public CompletionStage<?> onPong(WebSocket socket, ByteBuffer data) {
    heard.add("pong");
    socket.request(1);
    return null;
  }

  @Override
  public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
    heard.add(code);
    return null;
  }

  private Object take() throws InterruptedException {
    Object value = heard.poll(30, TimeUnit.SECONDS);
    if (value == null) throw new IllegalStateException("nothing was heard");
    return value;
  }

  private void plain(WebSocket socket) throws Exception {
    socket.sendText("héllo 안녕 😀", true).get();
    Transcript.write("heard", take());
    socket.sendBinary(ByteBuffer.wrap(new byte[] {0, 1, 2, (byte) 0xff}), true).get();
    Transcript.write("heard", take());
    socket.sendText("", true).get();
    Transcript.write("heard", take());
    socket.sendText("one ", false).get();
    socket.sendText("two ", false).get();
    socket.sendText("three", true).get();
    Transcript.write("heard", take());
    socket.sendText("x".repeat(60_000), true).get();
    Transcript.write("large", ((String) take()).length());
    socket.sendBinary(ByteBuffer.allocate(60_000), true).get();
    Transcript.write("large", ((byte[]) take()).length);
    socket.sendPing(ByteBuffer.wrap("ping".getBytes())).get();
    Transcript.write((String) take());
    socket.sendClose(WebSocket.NORMAL_CLOSURE, "bye").get();
    Transcript.write("closed", take());
  }

  private void chat(WebSocket socket) throws Exception {
    Transcript.write("welcome", new JSONObject((String) take()).get("room"));
    socket.sendText("{\"type\":\"send\",\"text\":\"hi\",\"ref\":1}", true).get();
    Map<String, JSONObject> replies = new HashMap<>();
    for (int i = 0; i < 2; i++) {
      JSONObject reply = new JSONObject((String) take());
      replies.put(reply.getString("type"), reply);
    }
    Transcript.write("ack", replies.get("ack").get("ref"));
    Transcript.write("message", replies.get("message").get("text"));
  }

  public static void main(String[] args) throws Exception {
    boolean chat = args[1].equals("chat.v1");
    PlainJdk client = new PlainJdk();
    WebSocket.Builder builder = HttpClient.newHttpClient().newWebSocketBuilder();
    if (chat) builder.subprotocols("chat.v1");
    WebSocket socket = builder.buildAsync(URI.create(args[0]), client).get(10, TimeUnit.SECONDS);
    Transcript.write("open", socket.getSubprotocol());
    if (chat) client.chat(socket);
    else client.plain(socket);
    System.exit(0);
  }
}
