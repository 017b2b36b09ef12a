// The transcript that each client of tests/clients writes: one JSON array in a line of standard output, with bytes as
// {"bytes": HEX}. wait() makes a program go on only when what it waits for came next.

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

final class Transcript {
  private static final PrintStream OUT =
      new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
  private final BlockingQueue<String> happened = new LinkedBlockingQueue<>();

  private static Object shown(Object value) throws JSONException {
    if (value instanceof byte[] bytes) return new JSONObject().put("bytes", HexFormat.of().formatHex(bytes));
    if (value instanceof JSONArray array) {
      JSONArray result = new JSONArray();
      for (int i = 0; i < array.length(); i++) result.put(shown(array.get(i)));
      return result;
    }
    if (value instanceof JSONObject object) {
      JSONObject result = new JSONObject();
      for (Iterator<?> names = object.keys(); names.hasNext();) {
        String name = (String) names.next();
        result.put(name, shown(object.get(name)));
      }
      return result;
    }
    return value;
  }

  // Writes a line.
  static synchronized void write(String name, Object... words) {
    try {
      JSONArray line = new JSONArray().put(name);
      for (Object word : words) line.put(shown(word));
      OUT.println(line);
    } catch (JSONException error) {
      throw new IllegalStateException(error);
    }
  }

  // Writes a line that somebody waits for.
  void note(String name, Object... words) {
    write(name, words);
    happened.add(name);
  }

  void wait(String name) throws InterruptedException {
    String found = happened.poll(30, TimeUnit.SECONDS);
    if (!name.equals(found)) {
      System.err.println(found + " instead of " + name);
      System.exit(1);
    }
  }
}
