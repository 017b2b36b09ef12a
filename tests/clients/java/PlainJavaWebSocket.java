// org.java-websocket. Arguments: URL, and plain, deflate or chat.v1. The scenario of tests/clients/websocket.test.mjs.

import java.net.URI;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.java_websocket.WebSocket;
import org.java_websocket.client.WebSocketClient;
import org.java_websocket.drafts.Draft_6455;
import org.java_websocket.extensions.DefaultExtension;
import org.java_websocket.extensions.IExtension;
import org.java_websocket.extensions.permessage_deflate.PerMessageDeflateExtension;
import org.java_websocket.framing.Framedata;
import org.java_websocket.handshake.ServerHandshake;
import org.java_websocket.protocols.IProtocol;
import org.java_websocket.protocols.Protocol;
import org.json.JSONObject;

public final class PlainJavaWebSocket extends WebSocketClient {
  private final BlockingQueue<Object> heard = new LinkedBlockingQueue<>();

  private PlainJavaWebSocket(String url, String mode) {
    super(URI.create(url), draft(mode));
  }

  private static Draft_6455 draft(String mode) {
    IExtension extension = mode.equals("deflate") ? new PerMessageDeflateExtension() : new DefaultExtension();
    IProtocol protocol = new Protocol(mode.equals("chat.v1") ? "chat.v1" : "");
    return new Draft_6455(List.of(extension), List.of(protocol));
  }

  @Override
  public void onOpen(ServerHandshake handshake) {
    IProtocol protocol = getProtocol();
    heard.add(protocol == null ? "" : protocol.getProvidedProtocol());
  }

  @Override
  public void onMessage(String message) {
    heard.add(message);
  }

  @Override
  public void onMessage(ByteBuffer data) {
    byte[] bytes = new byte[data.remaining()];
    data.get(bytes);
    heard.add(bytes);
  }

  @Override
  public void onWebsocketPong(WebSocket socket, Framedata frame) {
    heard.add("pong");
  }

  @Override
  public void onClose(int code, String reason, boolean remote) {
    heard.add(code);
  }

  @Override
  public void onError(Exception error) {
    error.printStackTrace();
  }

  private Object take() throws InterruptedException {
    Object value = heard.poll(30, TimeUnit.SECONDS);
    if (value == null) throw new IllegalStateException("nothing was heard");
    return value;
  }

  private void plain() throws Exception {
    send("héllo 안녕 😀");
    Transcript.write("heard", take());
    send(new byte[] {0, 1, 2, (byte) 0xff});
    Transcript.write("heard", take());
    send("");
    Transcript.write("heard", take());
    send("x".repeat(60_000));
    Transcript.write("large", ((String) take()).length());
    send(new byte[60_000]);
    Transcript.write("large", ((byte[]) take()).length);
    sendPing();
    Transcript.write((String) take());
    close(1000, "bye");
    Transcript.write("closed", take());
  }

  private void chat() throws Exception {
    Transcript.write("welcome", new JSONObject((String) take()).get("room"));
    send("{\"type\":\"send\",\"text\":\"hi\",\"ref\":1}");
    Map<String, JSONObject> replies = new HashMap<>();
    for (int i = 0; i < 2; i++) {
      JSONObject reply = new JSONObject((String) take());
      replies.put(reply.getString("type"), reply);
    }
    Transcript.write("ack", replies.get("ack").get("ref"));
    Transcript.write("message", replies.get("message").get("text"));
  }

  public static void main(String[] args) throws Exception {
    PlainJavaWebSocket client = new PlainJavaWebSocket(args[0], args[1]);
    client.connect();
    Transcript.write("open", client.take());
    if (args[1].equals("chat.v1")) client.chat();
    else client.plain();
    System.exit(0);
  }
}
