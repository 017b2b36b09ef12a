// A session moves from loop 0, where its polling began, to loop 1, where its WebSocket is, while something else happens. Both
// loops run one item at a time, in every order that they could run in as threads. Whatever the order, the client hears each
// message once and in the order of its room, and the application is told of everything once.
#include "net/endpoint/engine_io/engine_io_move.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/net/endpoint/engine_io/engine_io_player.h"
#include "core/net/recorder.h"

// After all others: it has a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;
using namespace chat::net;
using namespace chat::test;

namespace {

// Orders ----------------------------------------------------------------------------------------------------------------

// Which of several things happens next.
class Order {
 public:
  virtual ~Order() = default;
  virtual std::size_t pick(std::size_t choices) = 0;
  // Whether rounds end at any time, and not only when an inbox is empty.
  virtual bool fine() const = 0;
};

// All of them, one after the other.
class EveryOrder final : public Order {
 public:
  std::size_t pick(std::size_t choices) override {
    if (at_ == path_.size()) path_.push_back({0, choices});
    return path_[at_++].choice;
  }
  bool fine() const override { return false; }
  // False when that was the last.
  bool next() {
    at_ = 0;
    while (!path_.empty() && path_.back().choice + 1 == path_.back().choices) path_.pop_back();
    if (path_.empty()) return false;
    ++path_.back().choice;
    return true;
  }

 private:
  struct Step {
    std::size_t choice;
    std::size_t choices;
  };
  std::vector<Step> path_;
  std::size_t at_ = 0;
};

class RandomOrder final : public Order {
 public:
  explicit RandomOrder(std::uint64_t seed, bool fine = true) : state_(seed * 2 + 1), fine_(fine) {}
  std::size_t pick(std::size_t choices) override {
    state_ = state_ * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    return (state_ >> 33) % choices;
  }
  bool fine() const override { return fine_; }

 private:
  std::uint64_t state_;
  const bool fine_;
};

// One run ---------------------------------------------------------------------------------------------------------------

struct Run {
  explicit Run(const ServerOptions& options = engine_io_options()) : site(app, options, 2), player(site, 0) {
    app.message = [this](MessageRequest& request) { return on_message(request); };
    check(player.open().starts_with("200 0"), "the handshake");
    check(player.enter().starts_with(R"(200 40{"sid":"*")"), "the first namespace");
    pid = id_in(player.latest(), "pid");
    check(player.enter("/a").starts_with(R"(200 40/a,{"sid":"*")"), "the second namespace");
    player.attach(1);
    check(player.attached() == "101 ", "the WebSocket");
    player.say("2probe");
    check(player.heard() == "3probe", "the probe");
  }

  // The client's upgrade packet has arrived, and is on its way to loop 0.
  void upgrade() {
    player.socket().say("5");
    site.sockets(1).take_input();
  }

  // Things that happen. Each says what the client hears of it.
  void publish(const std::string& room) {
    const std::string text = "m" + std::to_string(++published);
    expect(room, event(room, text));
    site.publish(room, text);
  }
  void publish_to_everyone() {
    const std::string text = "m" + std::to_string(++published);
    for (const char* room : {"lobby", "a"}) expect(room, event(room, text));
    site.publish({}, text);
  }
  void send(ClientId client) {
    const std::string room = client == 1 ? "lobby" : "a";
    const std::string text = "m" + std::to_string(++published);
    expect(room, event(room, text));
    site.send(client, text);
  }
  void say(const std::string& text) {
    ++said;
    player.socket().say(R"(42["chat message",")" + text + R"("])");
  }
  Decision on_message(MessageRequest& request) {
    ++heard_by_app;
    if (request.draft.payload == "question") {
      ack_id = request.ack_id;
      return {Verdict::consume, {}, {}};
    }
    if (request.draft.payload == "wait") {
      decision = request.decision;
      return {Verdict::defer, {}, {}};
    }
    expect(request.draft.room, event(request.draft.room, request.draft.payload));
    return {};
  }
  void expect(const std::string& room, const std::string& packet) {
    if (!gone[room]) expected[room].push_back(packet);
  }
  // The last that the client hears of this namespace, unless it loses the connection.
  void expect_last(const std::string& room, const std::string& packet) {
    expect(room, packet);
    gone[room] = true;
  }
  static std::string event(const std::string& room, const std::string& text) {
    return "42" + prefix(room) + R"(["chat message",")" + text + R"("])";
  }
  static std::string prefix(const std::string& room) { return room == "lobby" ? "" : "/" + room + ","; }

  // Takes what has come, by its namespace: first what a poll has brought, if there was one.
  void hear() {
    polled = player.polled();
    if (polled.starts_with("200 4")) {
      const std::string payload = polled.substr(4) + "|";
      for (std::size_t at = 0; at < payload.size(); at = payload.find('|', at) + 1) {
        hear(payload.substr(at, payload.find('|', at) - at));
      }
    }
    for (const std::string& frame : player.socket().frames()) {
      check(closed.empty(), "a frame behind the close");
      if (frame.starts_with("close")) {
        closed = frame;
      } else {
        hear(without_ids(frame));
      }
    }
  }
  void hear(std::string packet) {
    if (!pid.empty() && packet.starts_with("42")) {  // with its offset
      const std::size_t comma = packet.rfind(',');
      if (packet[2] == '[') offset = packet.substr(comma + 2, packet.size() - comma - 4);
      packet = packet.substr(0, comma) + "]";
    }
    const std::size_t slash = packet.find_first_of("/[{");
    std::string room = "lobby";
    if (slash != std::string::npos && packet[slash] == '/') {
      room = packet.substr(slash + 1, packet.find(',') - slash - 1);
    }
    const auto found = std::find(anywhere.begin(), anywhere.end(), packet);
    if (found == anywhere.end()) {
      heard[room].push_back(packet);
    } else {
      anywhere.erase(found);
    }
  }
  std::size_t lines(const std::string& start) const {
    return static_cast<std::size_t>(std::count_if(app.lines.begin(), app.lines.end(),
                                                  [&](const std::string& line) { return line.starts_with(start); }));
  }

  void check(bool ok, const std::string& what) {
    if (!ok && fault.empty()) fault = what;
  }
  static std::string show(const std::vector<std::string>& packets) {
    std::string all;
    for (const std::string& packet : packets) all += packet + " ";
    return all;
  }

  Recorder app;
  FakeSite site;
  EngineIoPlayer player;
  int published = 0;
  std::size_t said = 0;
  std::size_t heard_by_app = 0;
  std::uint64_t ack_id = 0;
  DecisionId decision = 0;
  std::map<std::string, std::vector<std::string>> expected;
  std::map<std::string, std::vector<std::string>> heard;
  std::map<std::string, bool> gone;
  std::vector<std::string> anywhere;            // once each, wherever
  std::map<std::string, std::size_t> at_least;  // of those expected, though the connection ends
  ClientId pending = 0;                         // whose connection or first room is not decided on yet
  std::optional<FakeClient> other;
  std::optional<EngineIoPlayer> second;  // that continues
  std::string pid;                       // of the first client, when it may be continued
  std::string offset;                    // of what it has heard last
  std::string polled;
  std::string closed;
  std::string fault;
  std::string trace;
  bool ended[2] = {false, false};
};

// What the client may miss.
enum class Hears : std::uint8_t {
  everything,
  // The connection ends: what is heard is what was to be heard, up to some point.
  beginning,
};

struct Happening {
  const char* name;
  // Of one group only one can happen in a run. 0: it can happen beside any.
  int group = 0;
  std::function<void(Run&)> happen;
  std::function<void(Run&)> prepare = {};  // before the upgrade
  std::function<void(Run&)> verify = {};   // when all is quiet
  std::function<void(Run&)> after = {};    // when the client has gone
  Hears hears = Hears::everything;
  bool posts_only = true;  // see Event
};

struct Event {
  std::function<void()> act;
  // It only posts to the loops: what they do with what was posted before is the same.
  bool posts_only = true;
};

// One item of a loop's inbox. True when that concerned the loop alone, and more is there to be taken.
bool take_item(Run& run, std::size_t index, bool fine) {
  FakeLoop& loop = run.site.loop(index);
  FakeLoop& other = run.site.loop(1 - index);
  const std::size_t size = loop.inbox_size();
  const std::size_t other_size = other.inbox_size();
  loop.take_one();
  if (fine) return false;
  if (loop.inbox_size() == 0) {
    loop.end_round();
    run.site.sockets(index).take_input();
    return false;
  }
  return loop.inbox_size() + 1 == size && other.inbox_size() == other_size;
}

// Of orders that differ only in what concerns nobody else, one is tried: loop 0's items before those of loop 1, and what
// happens before either.
void settle(Run& run, const std::vector<Event>& events, Order& order) {
  FakeSite& site = run.site;
  std::size_t next = 0;
  bool skip_loop_0 = false;
  bool skip_event = false;
  // More than enough: an order that is made of empty steps alone is none.
  for (int step = 0; step < 400; ++step) {
    std::vector<std::function<void()>> choices;
    std::string names;
    if (!skip_loop_0 && site.loop(0).inbox_size() != 0) {
      names += '0';
      choices.emplace_back([&] {
        const bool event = site.loop(0).event_is_next();
        skip_event = take_item(run, 0, order.fine()) && event;
        skip_loop_0 = false;
      });
    }
    if (site.loop(1).inbox_size() != 0) {
      names += '1';
      choices.emplace_back([&] {
        const bool event = site.loop(1).event_is_next();
        const bool alone = take_item(run, 1, order.fine());
        skip_event = alone && event;
        skip_loop_0 = alone && site.loop(0).inbox_size() != 0 && (event || site.loop(0).event_is_next());
      });
    }
    if (next < events.size() && !(skip_event && events[next].posts_only)) {
      names += 'e';
      choices.emplace_back([&] {
        skip_loop_0 = skip_event = false;
        events[next++].act();
      });
    }
    if (choices.empty()) break;
    if (order.fine()) {
      for (std::size_t i = 0; i < 2; ++i) {
        names += i == 0 ? "rs" : "RS";
        choices.emplace_back([&, i] { site.loop(i).end_round(); });
        choices.emplace_back([&, i] { site.sockets(i).take_input(); });
      }
    }
    const std::size_t choice = order.pick(choices.size());
    run.trace += names[choice];
    choices[choice]();
  }
  while (next < events.size()) events[next++].act();
  site.run();
}

void check_heard(Run& run, Hears hears) {
  run.hear();
  const bool all = hears == Hears::everything;
  for (auto& [room, packets] : run.expected) {
    std::vector<std::string> heard = run.heard[room];
    // It is open at some time, and hears what is said to everyone from then on.
    if (room == "b" && heard.size() > 1) heard.resize(1);
    const auto is_goodbye = [](const std::string& packet) {
      return packet.starts_with("41") || packet.starts_with("44");
    };
    if (!all && !heard.empty() && is_goodbye(heard.back())) heard.pop_back();
    std::vector<std::string> wanted = packets;
    if (!all) {
      std::erase_if(wanted, is_goodbye);
      if (heard.size() < wanted.size()) wanted.resize(std::max(heard.size(), run.at_least[room]));
    }
    run.check(heard == wanted, room + " heard " + Run::show(heard) + "and not " + Run::show(wanted));
  }
  for (const auto& [room, packets] : run.heard) {
    run.check(packets.empty() || run.expected.contains(room), room + " heard " + Run::show(packets));
  }
  run.check(!all || run.anywhere.empty(), "missing " + Run::show(run.anywhere));
  run.check(!all || run.heard_by_app == run.said, "what the client says is heard once");
}

void check_end(Run& run) {
  FakeSite& site = run.site;
  run.player.hang_up();
  if (run.other) run.other->hang_up();
  if (run.second) run.second->hang_up();
  site.advance(6'000);
  for (const std::string name : {"connect 1 lobby", "open 1 lobby", "join 1 lobby", "leave 1 lobby", "disconnect 1 ",
                                 "connect 2 a", "open 2 a", "join 2 a", "leave 2 a", "disconnect 2 "}) {
    const std::size_t times = run.lines(name);
    run.check(times == 1, name + " comes " + std::to_string(times) + " times");
  }
  const bool both = !run.ended[0] && !run.ended[1];
  run.check(!both || is_empty(site), "something is left");
  run.check(site.sessions.size() == 0, "a session is left");
  run.check(site.server.hub->stats().clients_now == 0, "a client is left");
  for (std::size_t i = 0; i < 2; ++i) {
    const LoopStats& stats = site.loop(i).stats();
    run.check(stats.clients_now_by_transport[0].get() + stats.clients_now_by_transport[1].get() == 0,
              "a count is left");
    run.check(stats.connections_now.get() == 0, "a connection is left");
  }
}

// Its fault, with the order that shows it; empty: none.
std::string play(const std::vector<const Happening*>& happenings, Order& order,
                 const ServerOptions& options = engine_io_options()) {
  Run run(options);
  Hears hears = Hears::everything;
  std::vector<Event> events;
  std::string names;
  for (const Happening* one : happenings) {
    if (one->hears == Hears::beginning) hears = Hears::beginning;
    if (one->prepare) one->prepare(run);
    events.push_back({[&run, one, all = order.fine()] {
                        if (all) run.publish("lobby");
                        one->happen(run);
                      },
                      one->posts_only});
    names += std::string(one->name) + ", ";
  }
  // Less of it where it is to be every order.
  events.push_back({[&run, all = order.fine()] {
    run.publish("a");
    if (!all) return;
    run.publish("lobby");
    run.publish_to_everyone();
  }});
  run.publish("lobby");
  run.site.loop(0).run();  // it waits for a poll
  run.upgrade();
  settle(run, events, order);
  for (const Happening* one : happenings) {
    if (one->verify && hears == Hears::everything) one->verify(run);
  }
  check_heard(run, hears);
  check_end(run);
  for (const Happening* one : happenings) {
    if (one->after && hears == Hears::everything) one->after(run);
  }
  if (run.fault.empty()) return {};
  std::string told;
  for (const std::string& line : run.app.lines) told += "\n    " + line;
  return names + run.trace + ": " + run.fault + told;
}

// What happens ----------------------------------------------------------------------------------------------------------

Hub& hub(Run& run) { return *run.site.server.hub; }
// As an application would, which finds a client by its id or not at all.
void with_client(Run& run, ClientId id, const std::function<void(const ClientPtr&)>& action) {
  if (const ClientPtr client = run.site.client(id)) action(client);
}

// A third client, whose CONNECT is on its way through the application.
void ask_for_b(Run& run) {
  run.app.connect = [&run](const ConnectRequest& request) -> Decision {
    if (request.room != "b") return {};
    run.pending = request.client;
    return {Verdict::defer, {}, {}};
  };
  run.check(run.player.post("40/b,") == "200 ok", "the third namespace");
}
// The same, as far as the question about its first room.
void ask_for_the_room_of_b(Run& run) {
  run.app.authorize = [&run](const AuthorizeRequest& request) -> std::optional<Decision> {
    if (request.room != "b") return std::nullopt;
    run.pending = request.client->id();
    run.decision = request.decision;
    return Decision{Verdict::defer, {}, {}};
  };
  run.check(run.player.post("40/b,") == "200 ok", "the third namespace");
}
void check_b_entered(Run& run) {
  const std::string id = std::to_string(run.pending);
  for (const std::string& name :
       std::vector<std::string>{"connect " + id, "open " + id, "join " + id, "leave " + id, "disconnect " + id}) {
    run.check(run.lines(name + " ") == 1, name + " comes " + std::to_string(run.lines(name + " ")) + " times");
  }
}
void decide_on_b(Run& run, Verdict verdict) {
  with_client(run, run.pending, [&](const ClientPtr& client) {
    (void)hub(run).decide(client, run.decision, {verdict, "no", {}});
  });
}
void post(Run& run, const std::string& packet) {
  ++run.said;
  run.check(run.player.post(packet) == "200 ok", packet);
}
// A POST of which the rest is to come.
void post_half(Run& run) {
  run.player.posts().send("POST " + run.player.target() +
                          " HTTP/1.1\r\nHost: chat.test\r\nContent-Length: 27\r\n\r\n42[");
  run.site.run();
}
void hold_poll(Run& run) {
  run.player.send_poll();
  run.site.run();
}
void drain(Run& run) {
  for (std::size_t i = 0; i < 2; ++i) {
    FakeLoop& loop = run.site.loop(i);
    SessionHome& sessions = run.site.sockets(i).sessions();
    loop.post_task([&loop, &sessions] {
      loop.drains = true;
      for (const Task& goodbye : sessions.goodbyes()) goodbye();
    });
  }
}
// As when the server has stopped for too long.
void end_loop(Run& run, std::size_t index) {
  for (std::size_t i = 0; i < 2; ++i) run.site.loop(i).drains = true;
  run.ended[index] = true;
  run.site.sockets(index).tear_down();
}
// What was said before is heard, though the connection ends.
void keep_what_was_said(Run& run) {
  for (const char* room : {"lobby", "a"}) run.at_least[room] = run.expected[room].size();
}

// Those that the client survives.
std::vector<Happening> peaceful() {
  std::vector<Happening> all;
  all.push_back({.name = "nothing", .happen = [](Run&) {}});
  all.push_back({.name = "an announcement", .happen = [](Run& run) { run.publish_to_everyone(); }});
  all.push_back({.name = "messages to one client", .happen = [](Run& run) {
                   run.send(2);
                   run.send(1);
                   run.send(2);
                 }});
  all.push_back({.name = "a message that wants an answer",
                 .happen =
                     [](Run& run) {
                       run.expect("lobby", R"(4250["chat message","well?"])");
                       run.site.send(1, "well?", {50, kUnlimited});
                     },
                 .verify = [](Run& run) { run.player.say(R"(4350["yes"])"); },
                 .after = [](Run& run) { run.check(run.lines(R"(ack 1 ["yes"])") == 1, "the answer comes once"); }});
  all.push_back({.name = "a message that the client says", .happen = [](Run& run) {
                   run.say("mine");
                   run.say("mine too");
                 }});
  all.push_back({.name = "a further room", .group = 3, .happen = [](Run& run) {
                   with_client(run, 2, [&](const ClientPtr& client) {
                     (void)hub(run).join(client, "c", {}, {}, current_moment());
                   });
                   run.expect("a", R"(42/a,["chat message","in c"])");
                   run.site.publish("c", "in c");
                 }});
  all.push_back({.name = "a further room that is left",
                 .group = 3,
                 .happen =
                     [](Run& run) {
                       run.expect("a", R"(42/a,["chat message","in c"])");
                       run.site.publish("c", "in c");
                       with_client(run, 2, [&](const ClientPtr& client) { (void)hub(run).leave(client, "c", "out"); });
                       run.site.publish("c", "not heard");
                     },
                 .prepare =
                     [](Run& run) {
                       with_client(run, 2, [&](const ClientPtr& client) {
                         (void)hub(run).join(client, "c", {}, {}, current_moment());
                       });
                       run.site.run();
                     },
                 .after = [](Run& run) { run.check(run.lines("leave 2 c (out)") == 1, "it leaves once"); }});
  all.push_back({.name = "an answer of the application",
                 .happen =
                     [](Run& run) {
                       run.expect("lobby", "439[1]");
                       Answer answer;
                       answer.ack_id = run.ack_id;
                       answer.args = "[1]";
                       with_client(run, 1, [&](const ClientPtr& client) { (void)hub(run).answer(client, answer); });
                     },
                 .prepare = [](Run& run) { post(run, R"(429["chat message","question"])"); }});
  all.push_back({.name = "a verdict on a message",
                 .group = 2,
                 .happen =
                     [](Run& run) {
                       run.anywhere.push_back(R"(42["chat message","wait"])");
                       with_client(run, 1,
                                   [&](const ClientPtr& client) { (void)hub(run).decide(client, run.decision, {}); });
                     },
                 .prepare = [](Run& run) { post(run, R"(42["chat message","wait"])"); }});
  all.push_back({.name = "a late poll",
                 .group = 4,
                 .happen =
                     [](Run& run) {
                       run.other.emplace(run.site, run.published % 2);
                       run.other->request("GET", run.player.target());
                     },
                 .verify =
                     [](Run& run) {
                       const std::string answer = run.other->answer();
                       run.check(answer == R"(400 {"code":3,"message":"Bad request"})", "the late poll: " + answer);
                     },
                 .posts_only = false});
  for (const std::size_t loop : {0U, 1U}) {
    all.push_back({.name = "another WebSocket",
                   .group = 4,
                   .happen =
                       [loop](Run& run) {
                         run.other.emplace(run.site, loop);
                         run.other->upgrade("/socket.io/?EIO=4&transport=websocket&sid=" + run.player.sid());
                         run.site.sockets(loop).take_input();
                       },
                   .verify =
                       [](Run& run) {
                         run.check(run.other->answer() == "101 ", "the other WebSocket");
                         const std::vector<std::string> frames = run.other->frames();
                         run.check(frames == std::vector<std::string>{"close"}, "it hears " + Run::show(frames));
                       },
                   .posts_only = false});
  }
  all.push_back({.name = "the rest of a POST",
                 .group = 2,
                 .happen = [](Run& run) { run.player.posts().send(R"("chat message","posted"])"); },
                 .prepare = post_half,
                 .verify =
                     [](Run& run) {
                       const std::string answer = run.player.posted();
                       if (answer == "200 ok") ++run.said;
                       run.check(answer == "200 ok" || answer == R"(400 {"code":3,"message":"Bad request"})",
                                 "the POST: " + answer);
                     }});
  all.push_back({.name = "a poll that is held",
                 .happen = [](Run&) {},
                 .prepare = hold_poll,
                 .after = [](Run& run) { run.check(run.polled.starts_with("200 "), "the poll: " + run.polled); }});

  // The third client.
  all.push_back({.name = "chat_accept",
                 .group = 2,
                 .happen =
                     [](Run& run) {
                       run.expect("b", R"(40/b,{"sid":"*"})");
                       with_client(run, run.pending, [&](const ClientPtr& client) {
                         (void)hub(run).accept(client, Identity{"u", "Bob", {}});
                       });
                     },
                 .prepare = ask_for_b,
                 .after = check_b_entered});
  all.push_back({.name = "chat_refuse",
                 .group = 2,
                 .happen =
                     [](Run& run) {
                       run.expect("b", R"(44/b,{"message":"no"})");
                       with_client(run, run.pending,
                                   [&](const ClientPtr& client) { (void)hub(run).refuse(client, "no", {}); });
                     },
                 .prepare = ask_for_b});
  all.push_back({.name = "the verdict on the first room",
                 .group = 2,
                 .happen =
                     [](Run& run) {
                       run.expect("b", R"(40/b,{"sid":"*"})");
                       decide_on_b(run, Verdict::pass);
                     },
                 .prepare = ask_for_the_room_of_b,
                 .after = check_b_entered});
  all.push_back({.name = "the refusal of the first room",
                 .group = 2,
                 .happen =
                     [](Run& run) {
                       run.expect("b", R"(44/b,{"message":"Invalid namespace"})");
                       decide_on_b(run, Verdict::refuse);
                     },
                 .prepare = ask_for_the_room_of_b});

  // What it said before its welcome is executed with the welcome, wherever that is.
  all.push_back({.name = "a client that has disconnected is accepted",
                 .group = 2,
                 .happen =
                     [](Run& run) {
                       run.expect("b", R"(40/b,{"sid":"*"})");
                       with_client(run, run.pending, [&](const ClientPtr& client) {
                         (void)hub(run).accept(client, Identity{"u", "Bob", {}});
                       });
                     },
                 .prepare =
                     [](Run& run) {
                       ask_for_b(run);
                       Peer* const peer = run.site.loop(0).peers().find(run.pending);
                       run.check(peer != nullptr, "the third client");
                       if (peer != nullptr) peer->receive(Command(DisconnectCommand{"bye"}));
                     },
                 .after =
                     [](Run& run) {
                       check_b_entered(run);
                       const std::string line =
                           "disconnect " + std::to_string(run.pending) + " 1000 the client has disconnected";
                       run.check(run.lines(line) == 1, line);
                     }});

  // One of the clients goes.
  all.push_back({.name = "a client is taken out of its room", .group = 1, .happen = [](Run& run) {
                   run.expect_last("a", "41/a,");
                   with_client(run, 2, [&](const ClientPtr& client) { (void)hub(run).leave(client, "a", "out"); });
                 }});
  all.push_back({.name = "a client is disconnected", .group = 1, .happen = [](Run& run) {
                   run.expect_last("a", "41/a,");
                   with_client(run, 2,
                               [&](const ClientPtr& client) { (void)hub(run).close_client(client, 1008, "enough"); });
                 }});
  all.push_back({.name = "a client is continued elsewhere", .group = 1, .happen = [](Run& run) {
                   run.expect_last("a", "41/a,");
                   with_client(run, 2, [&](const ClientPtr& client) { (void)hub(run).continue_elsewhere(client); });
                 }});
  all.push_back({.name = "a room is closed", .group = 1, .happen = [](Run& run) {
                   run.expect_last("a", "41/a,");
                   (void)hub(run).close_room("a", "gone");
                 }});
  return all;
}

// Those that end the connection.
std::vector<Happening> fatal() {
  std::vector<Happening> all;
  const auto add = [&](const char* name, std::function<void(Run&)> happen, bool posts_only = false) {
    all.push_back(
        {.name = name, .group = 10, .happen = std::move(happen), .hears = Hears::beginning, .posts_only = posts_only});
  };
  add(
      "the connection is closed",
      [](Run& run) {
        keep_what_was_said(run);
        with_client(run, 2,
                    [&](const ClientPtr& client) { (void)hub(run).close_client(client, 1008, "enough", true); });
      },
      true);
  add("the WebSocket is lost", [](Run& run) {
    if (run.player.socket().wire().connection != nullptr) run.player.socket().wire().connection->doom();
  });
  add("the client closes its WebSocket", [](Run& run) {
    run.player.socket().close(1000);
    run.site.sockets(1).take_input();
  });
  add("the client hangs up", [](Run& run) { run.player.socket().hang_up(); });
  add("the client breaks the rules", [](Run& run) {
    run.player.socket().say("40");
    run.site.sockets(1).take_input();
  });
  add("the server stops", drain, true);
  add("loop 1 ends", [](Run& run) { end_loop(run, 1); });
  return all;
}

// A request is lost that the session holds, unless it has been answered by then: with it the session.
std::vector<Happening> lost_requests() {
  const auto lose = [](Run& run, FakeClient& connection) {
    connection.hang_up();
    run.site.sockets(0).take_input();
  };
  return {{.name = "a POST is lost",
           .happen = [lose](Run& run) { lose(run, run.player.posts()); },
           .prepare = post_half,
           .hears = Hears::beginning,
           .posts_only = false},
          {.name = "a poll is lost",
           .happen = [lose](Run& run) { lose(run, run.player.polls()); },
           .prepare = hold_poll,
           .hears = Hears::beginning,
           .posts_only = false}};
}

// Both loops end, one some time after the other.
std::vector<Happening> ends(std::size_t first) {
  std::vector<Happening> all;
  for (const std::size_t loop : {first, 1 - first}) {
    all.push_back({.name = loop == 0 ? "loop 0 ends" : "loop 1 ends",
                   .happen = [loop](Run& run) { end_loop(run, loop); },
                   .hears = Hears::beginning,
                   .posts_only = false});
  }
  return all;
}

// Tests -----------------------------------------------------------------------------------------------------------------

// Sanitizers multiply the time of a run, so they see a sample of the orders.
#ifdef CHAT_SANITIZED
constexpr std::uint64_t kSampledOrders = 60;
#else
constexpr std::uint64_t kSampledOrders = 0;  // all
#endif

void in_every_order(const std::vector<const Happening*>& happenings,
                    const ServerOptions& options = engine_io_options()) {
  for (std::uint64_t seed = 1; seed <= kSampledOrders; ++seed) {
    RandomOrder order(seed, false);
    const std::string fault = play(happenings, order, options);
    if (!fault.empty()) fail_msg("seed %llu: %s", static_cast<unsigned long long>(seed), fault.c_str());
  }
  if (kSampledOrders != 0) return;
  EveryOrder order;
  std::size_t count = 0;
  do {
    ++count;
    const std::string fault = play(happenings, order, options);
    if (!fault.empty()) fail_msg("%s", fault.c_str());
  } while (order.next());
  assert_true(count > 250);
}

void whatever_happens_meanwhile(void**) {
  for (const Happening& one : peaceful()) in_every_order({&one});
}

void however_it_ends(void**) {
  for (const Happening& one : fatal()) in_every_order({&one});
  for (const Happening& one : lost_requests()) in_every_order({&one});
}

void the_loops_end_one_by_one(void**) {
  for (const std::size_t first : {0U, 1U}) {
    const std::vector<Happening> both = ends(first);
    in_every_order({&both[0], &both[1]});
  }
}

void much_happens_at_once(void**) {
  std::vector<Happening> all = peaceful();
  const std::vector<Happening> last = fatal();
  all.insert(all.begin() + 1, last.begin(), last.end());
  constexpr std::uint64_t kRuns = kSampledOrders != 0 ? 400 : 4'000;
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    RandomOrder order(seed);
    std::vector<const Happening*> happenings;
    std::vector<int> groups;
    for (const Happening& one : all) {
      if (order.pick(all.size()) >= 4) continue;
      if (one.group != 0 && std::find(groups.begin(), groups.end(), one.group) != groups.end()) continue;
      groups.push_back(one.group);
      happenings.push_back(&one);
    }
    const std::string fault = play(happenings, order);
    if (!fault.empty()) fail_msg("seed %llu: %s", static_cast<unsigned long long>(seed), fault.c_str());
  }
}

// Whatever was lost with the connection comes by the next one, and nothing that has come before.
void come_back(Run& run) {
  run.publish("lobby");
  run.site.run();
  run.hear();
  run.expected.erase("a");  // that client does not come back
  run.heard.erase("a");
  run.closed.clear();
  run.second.emplace(run.site, 0);
  run.second->open_websocket(1);
  std::string auth = R"({"pid":")" + run.pid + "\"";
  if (!run.offset.empty()) auth += R"(,"offset":")" + run.offset + "\"";
  std::string heard = run.second->enter("/", auth + "}");
  run.site.advance(100);
  heard += (heard.empty() ? "" : "|") + run.second->heard() + "|";
  run.check(heard.starts_with(R"(40{"sid":"*","pid":"*"}|)"), "it is welcome: " + heard);
  for (std::size_t at = heard.find('|') + 1; at < heard.size(); at = heard.find('|', at) + 1) {
    if (heard[at] != '|') run.hear(heard.substr(at, heard.find('|', at) - at));
  }
}

void a_client_that_is_lost_comes_back(void**) {
  ServerOptions options = engine_io_options();
  options.recovery_window_ms = 60'000;
  const auto lose = [](Run& run) {
    run.publish("lobby");
    if (run.player.socket().wire().connection != nullptr) run.player.socket().wire().connection->doom();
    run.publish("lobby");
  };
  const auto close = [](Run& run) {
    run.publish("lobby");
    run.player.socket().close(1000);
    run.site.sockets(1).take_input();
    run.publish("lobby");
  };
  const auto after = [](Run& run) {
    run.check(run.lines("open 3 lobby for 1") == 1, "it is continued once");
    run.check(run.lines("disconnect 3 ") == 1, "it goes once");
  };
  for (const auto& happen : std::vector<std::function<void(Run&)>>{lose, close}) {
    const Happening lost{
        .name = "it is lost", .happen = happen, .verify = come_back, .after = after, .posts_only = false};
    in_every_order({&lost}, options);
  }
}

// What comes while a session is on its way is bounded as what waits for any client.
std::string hear_a_flood(OutboxPolicy policy, const std::string& end) {
  ServerOptions options = engine_io_options();
  options.max_outbox_messages = 4;
  options.outbox_policy = policy;
  Run run(options);
  run.upgrade();
  // All but the departure.
  do run.site.loop(0).take_one();
  while (run.site.loop(0).inbox_size() > 1);
  run.site.loop(1).drain_inbox();
  for (int i = 0; i < 20; ++i) run.publish("lobby");
  run.site.loop(1).drain_inbox();
  run.site.run();
  assert_string_equal(run.fault.c_str(), "");
  run.hear();
  assert_string_equal(run.closed.c_str(), end.c_str());
  std::string heard = Run::show(run.heard["lobby"]);
  assert_int_equal(run.site.loop(1).stats().slow_disconnects.get(), policy == OutboxPolicy::disconnect ? 1 : 0);
  if (policy == OutboxPolicy::disconnect) {
    assert_int_equal(run.lines("disconnect 1 1006 forced close"), 1);
    assert_int_equal(run.lines("disconnect 2 1006 forced close"), 1);
    assert_true(is_empty(run.site));
    assert_int_equal(run.site.server.refused(Refusal::slow_reader), 1);
  } else {
    assert_int_equal(run.site.loop(1).stats().drops.get(), 16);
  }
  return heard;
}

// Its command is executed on loop 0 after the move has begun, and its goodbye is due when the session has departed.
void a_client_that_disconnects_meanwhile_ends(void**) {
  Run run;
  ask_for_b(run);
  Peer* const peer = run.site.loop(0).peers().find(run.pending);
  assert_non_null(peer);
  peer->receive(Command(DisconnectCommand{"bye"}));
  with_client(run, run.pending, [&](const ClientPtr& client) {
    (void)hub(run).accept(client, Identity{"u", "Bob", {}});
  });
  run.upgrade();
  assert_int_equal(run.site.loop(0).inbox_size(), 2);
  run.site.loop(0).take_one();  // the verdict, which makes the client join behind the upgrade packet
  run.site.run();
  run.hear();
  assert_string_equal(Run::show(run.heard["b"]).c_str(), R"(40/b,{"sid":"*"} 41/b, )");
  assert_int_equal(run.lines("disconnect 3 1000 the client has disconnected"), 1);
  assert_string_equal(run.fault.c_str(), "");
  check_end(run);
  assert_string_equal(run.fault.c_str(), "");
}

// The verdict comes to loop 0 after the move has begun, and what the client has missed is not kept any more. So the session
// makes a new client, which must be on loop 1 like the others.
void a_client_that_cannot_be_recovered_meanwhile_is_new(void**) {
  ServerOptions options = engine_io_options();
  options.recovery_window_ms = 60'000;
  options.recovery_asks_on_connect = true;
  options.hub.history.messages = 2;
  Run run(options);
  EngineIoPlayer earlier(run.site);
  earlier.open_websocket();
  earlier.enter("/b");
  const std::string pid = id_in(earlier.latest(), "pid");
  earlier.hang_up();
  run.site.run();
  run.app.connect = [&run](const ConnectRequest& request) -> Decision {
    if (request.recovered_from == 0) return {};
    run.pending = request.client;
    return {Verdict::defer, {}, {}};
  };
  assert_string_equal(run.player.post("40/b,{\"pid\":\"" + pid + "\"}").c_str(), "200 ok");
  assert_int_not_equal(run.pending, 0);
  for (int i = 0; i < 4; ++i) run.site.publish("b", "missed");
  run.site.run();
  run.upgrade();
  with_client(run, run.pending, [&](const ClientPtr& client) {
    (void)hub(run).accept(client, Identity{"u", "Bob", {}});
  });
  assert_int_equal(run.site.loop(0).inbox_size(), 2);
  run.site.run();
  run.pid.clear();
  run.hear();
  assert_string_equal(Run::show(run.heard["b"]).c_str(), R"(40/b,{"sid":"*","pid":"*"} )");
  assert_int_equal(run.lines("connect "), 5);
  assert_int_equal(run.site.loop(1).peers().size(), 3);
  check_end(run);
  assert_string_equal(run.fault.c_str(), "");
}

void a_flood_meanwhile_is_bounded(void**) {
  assert_string_equal(hear_a_flood(OutboxPolicy::disconnect, "close").c_str(), "");
  assert_string_equal(
      hear_a_flood(OutboxPolicy::drop_newest, "").c_str(),
      R"(42["chat message","m1"] 42["chat message","m2"] 42["chat message","m3"] 42["chat message","m4"] )");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(whatever_happens_meanwhile),
      cmocka_unit_test(however_it_ends),
      cmocka_unit_test(the_loops_end_one_by_one),
      cmocka_unit_test(much_happens_at_once),
      cmocka_unit_test(a_client_that_is_lost_comes_back),
      cmocka_unit_test(a_flood_meanwhile_is_bounded),
      cmocka_unit_test(a_client_that_disconnects_meanwhile_ends),
      cmocka_unit_test(a_client_that_cannot_be_recovered_meanwhile_is_new),
  };
  return cmocka_run_group_tests_name("core/net/endpoint/engine_io/engine_io_move", tests, nullptr, nullptr);
}
