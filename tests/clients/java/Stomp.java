// WebSocketStompClient of Spring, over the WebSocket client of Tomcat. Argument: URL. The scenario of
// tests/clients/stomp.test.mjs.

import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.json.JSONObject;
import org.springframework.messaging.simp.stomp.ConnectionLostException;
import org.springframework.messaging.simp.stomp.StompCommand;
import org.springframework.messaging.simp.stomp.StompFrameHandler;
import org.springframework.messaging.simp.stomp.StompHeaders;
import org.springframework.messaging.simp.stomp.StompSession;
import org.springframework.messaging.simp.stomp.StompSessionHandlerAdapter;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.springframework.util.MimeType;
import org.springframework.web.socket.WebSocketHttpHeaders;
import org.springframework.web.socket.client.standard.StandardWebSocketClient;
import org.springframework.web.socket.messaging.WebSocketStompClient;

public final class Stomp extends StompSessionHandlerAdapter {
  // A frame as it was received.
  private record Heard(StompHeaders headers, String body) {}

  // The messages of one subscription.
  private static final class Messages implements StompFrameHandler {
    private final BlockingQueue<Heard> heard = new LinkedBlockingQueue<>();

    @Override
    public Type getPayloadType(StompHeaders headers) {
      return byte[].class;
    }

    @Override
    public void handleFrame(StompHeaders headers, Object payload) {
      heard.add(new Heard(headers, new String((byte[]) payload, StandardCharsets.UTF_8)));
    }

    Heard take() throws InterruptedException {
      return next(heard);
    }
  }

  private final BlockingQueue<Heard> errors = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> ends = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> receipts = new LinkedBlockingQueue<>();

  private static <T> T next(BlockingQueue<T> queue) throws InterruptedException {
    T value = queue.poll(30, TimeUnit.SECONDS);
    if (value == null) throw new IllegalStateException("nothing was heard");
    return value;
  }

  // ERROR frames come here.
  @Override
  public Type getPayloadType(StompHeaders headers) {
    return byte[].class;
  }

  @Override
  public void handleFrame(StompHeaders headers, Object payload) {
    errors.add(new Heard(headers, payload == null ? "" : new String((byte[]) payload, StandardCharsets.UTF_8)));
  }

  @Override
  public void handleException(
      StompSession session, StompCommand command, StompHeaders headers, byte[] payload, Throwable exception) {
    exception.printStackTrace();
    System.exit(1);
  }

  @Override
  public void handleTransportError(StompSession session, Throwable exception) {
    if (exception instanceof ConnectionLostException) ends.add("lost");
    else exception.printStackTrace();
  }

  private StompSession.Subscription subscribe(StompSession session, String destination, String ack, Messages messages)
      throws InterruptedException {
    StompHeaders headers = new StompHeaders();
    headers.setDestination(destination);
    headers.setAck(ack);
    StompSession.Subscription subscription = session.subscribe(headers, messages);
    subscription.addReceiptTask(() -> receipts.add("subscribed " + destination));
    Transcript.write(next(receipts));
    return subscription;
  }

  private static StompSession.Receiptable send(
      StompSession session, String destination, String type, String body, String receipt) {
    StompHeaders headers = new StompHeaders();
    headers.setDestination(destination);
    headers.setContentType(MimeType.valueOf(type));
    headers.set("colour", "blue:\n");
    if (receipt != null) headers.setReceipt(receipt);
    return session.send(headers, body.getBytes(StandardCharsets.UTF_8));
  }

  private void play(StompSession session) throws Exception {
    session.setAutoReceipt(true);
    Messages room = new Messages();
    Messages again = new Messages();
    Messages queue = new Messages();
    Messages refused = new Messages();
    StompSession.Subscription each = subscribe(session, "/topic/a", "client-individual", room);
    subscribe(session, "/topic/a", "auto", again);
    subscribe(session, "/user/queue/greetings", "auto", queue);
    subscribe(session, "/user/queue/errors", "auto", refused);
    session.setAutoReceipt(false);

    send(session, "/topic/a", "text/plain;charset=utf-8", "héllo 안녕 😀\0", "s1")
        .addReceiptTask(() -> receipts.add("sent"));
    Heard first = room.take();
    Transcript.write(
        "heard", first.body(), first.headers().getFirst("colour"), first.headers().getDestination(),
        first.headers().getFirst("seq"));
    Transcript.write("again", again.take().body());
    Transcript.write(next(receipts));
    session.acknowledge(first.headers().getAck(), true);

    send(session, "/topic/a", "application/json", "{\"x\":[1,2]}", null);
    Heard json = room.take();
    Transcript.write("json", json.body(), json.headers().getContentType().toString());
    session.acknowledge(json.headers().getAck(), false);
    each.unsubscribe();

    // The application answers to the client alone.
    send(session, "/app/script", "application/json", "[\"emit\",\"greetings\",\"hello Ann\"]", null);
    Transcript.write("greeted", queue.take().body());

    send(session, "/topic/a", "text/plain", "!refuse too rude", "never");
    Heard refusal = refused.take();
    JSONObject reason = new JSONObject(refusal.body());
    Transcript.write("refused", reason.get("error"), reason.get("reason"), refusal.headers().getReceiptId());
    send(session, "/topic/a", "text/plain", "still here", null);
    again.take();
    Transcript.write("still", again.take().body());
  }

  public static void main(String[] args) throws Exception {
    ThreadPoolTaskScheduler scheduler = new ThreadPoolTaskScheduler();
    scheduler.setDaemon(true);
    scheduler.initialize();
    WebSocketStompClient client = new WebSocketStompClient(new StandardWebSocketClient());
    client.setTaskScheduler(scheduler);
    client.setDefaultHeartbeat(new long[] {1000, 1000});
    StompHeaders connect = new StompHeaders();
    connect.setLogin("ann");
    connect.setPasscode("secret");

    Stomp handler = new Stomp();
    StompSession session =
        client.connectAsync(args[0], new WebSocketHttpHeaders(), connect, handler).get(30, TimeUnit.SECONDS);
    Transcript.write("connected");
    handler.play(session);

    StompHeaders nowhere = new StompHeaders();
    nowhere.setDestination("/nowhere");
    session.subscribe(nowhere, new Messages());
    Transcript.write("error", next(handler.errors).headers().getFirst("message"));
    Transcript.write(next(handler.ends));

    // The graceful end: DISCONNECT, and the server closes.
    StompSession second =
        client.connectAsync(args[0], new WebSocketHttpHeaders(), connect, new Stomp()).get(30, TimeUnit.SECONDS);
    second.disconnect();
    Transcript.write("disconnected", second.isConnected());
    System.exit(0);
  }
}
