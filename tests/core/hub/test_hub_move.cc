// Hub::move_client(): which loop delivers what to a moving client, while others publish, send and remove it from rooms.
#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "hub/hub.h"
#include "hub_fixture.h"

using namespace chat;
using namespace chat::test;

namespace {

template <class Event>
std::vector<std::string> rooms_of(const std::vector<LoopEvent>& events) {
  std::vector<std::string> result;
  for (const Event& event : only<Event>(events)) result.push_back(event.room);
  return result;
}

std::vector<std::uint64_t> heard_seqs(const std::vector<LoopEvent>& events) {
  std::vector<std::uint64_t> result;
  for (const RoomMessage& event : only<RoomMessage>(events)) result.push_back(event.message->seq);
  return result;
}

using Names = std::vector<std::string>;
using Seqs = std::vector<std::uint64_t>;

void a_move_is_told_to_both_loops_in_each_rooms_order(void**) {
  HubFixture f({}, 2);
  const ClientPtr client = f.open(0);
  assert_ok(f.join(client, "a"));
  assert_ok(f.join(client, "b"));
  f.take(0);
  f.publish("a", "1");
  f.hub->move_client(client, 1);
  assert_int_equal(client->loop(), 1);
  assert_int_equal(client->origin().loop, 0);
  f.publish("a", "2");
  f.publish("b", "1");

  // The last one of each, without a room, is for messages to everyone.
  const std::vector<LoopEvent> old_loop = f.take(0);
  assert_int_equal(old_loop.size(), 4);
  assert_int_equal(std::get<RoomMessage>(old_loop[0]).message->seq, 1);
  assert_true(rooms_of<Departed>(old_loop) == Names({"a", "b", ""}));
  for (const Departed& departed : only<Departed>(old_loop)) assert_int_equal(departed.client, client->id());
  const std::vector<LoopEvent> new_loop = f.take(1);
  assert_int_equal(new_loop.size(), 5);
  assert_true(rooms_of<Arrived>(new_loop) == Names({"a", "b", ""}));
  for (const Arrived& arrived : only<Arrived>(new_loop)) assert_int_equal(arrived.client, client->id());
  assert_int_equal(std::get<RoomMessage>(new_loop[3]).message->seq, 2);
  assert_int_equal(std::get<RoomMessage>(new_loop[4]).message->seq, 1);
}

// Every loop receives such a message and must know whether it delivers it to the client.
void what_is_said_to_everyone_has_its_place_in_a_move(void**) {
  HubFixture f({}, 3);
  const ClientPtr client = f.open(0);
  f.publish("", "before");
  f.hub->move_client(client, 1);
  f.publish("", "after");
  const auto said = [](const LoopEvent& event) { return std::get<EveryoneMessage>(event).message->payload; };

  const std::vector<LoopEvent> old_loop = f.take(0);
  assert_int_equal(old_loop.size(), 3);
  assert_text(said(old_loop[0]), "before");
  assert_text(std::get<Departed>(old_loop[1]).room, "");
  assert_text(said(old_loop[2]), "after");
  const std::vector<LoopEvent> new_loop = f.take(1);
  assert_int_equal(new_loop.size(), 3);
  assert_text(said(new_loop[0]), "before");
  assert_text(std::get<Arrived>(new_loop[1]).room, "");
  assert_text(said(new_loop[2]), "after");
  assert_int_equal(only<EveryoneMessage>(f.take(2)).size(), 2);
}

// It receives no messages to everyone, so the loops need no marker for them.
void a_client_that_is_not_open_moves_silently(void**) {
  HubFixture f({}, 2);
  const ClientPtr connecting = f.add(0);
  const ClientPtr accepted = f.add(0);
  const ClientPtr refused = f.add(0);
  const ClientPtr gone = f.open(0);
  assert_ok(f.hub->accept(accepted, std::nullopt));
  assert_ok(f.hub->refuse(refused, "no", ""));
  f.hub->remove_client(gone);
  f.take(0);
  for (const ClientPtr& client : {connecting, accepted, refused, gone}) {
    f.hub->move_client(client, 1);
    assert_int_equal(client->loop(), 1);
    assert_true(f.take(0).empty() && f.take(1).empty());
  }
  // Opened where it is now, it is told of its way back.
  assert_ok(f.hub->open(accepted));
  f.hub->move_client(accepted, 0);
  assert_true(rooms_of<Departed>(f.take(1)) == Names({""}));
  assert_true(rooms_of<Arrived>(f.take(0)) == Names({""}));
}

void a_loop_that_others_live_on_is_still_told(void**) {
  HubFixture f({}, 2);
  const ClientPtr client = f.open(0);
  const ClientPtr other = f.open(0);
  assert_ok(f.join(client, "a"));
  assert_ok(f.join(other, "a"));
  f.hub->move_client(client, 1);
  f.take(0);
  f.take(1);
  f.publish("a", "1");
  assert_true(heard_seqs(f.take(0)) == Seqs({1}));
  assert_true(heard_seqs(f.take(1)) == Seqs({1}));
  assert_ok(f.hub->leave(other, "a", ""));
  f.take(0);
  f.publish("a", "2");
  assert_true(f.take(0).empty());
  assert_true(heard_seqs(f.take(1)) == Seqs({2}));
}

void moving_to_where_it_lives_changes_nothing(void**) {
  HubFixture f({}, 2);
  const ClientPtr client = f.open(1);
  assert_ok(f.join(client, "a"));
  f.take(1);
  f.hub->move_client(client, 1);
  assert_int_equal(client->loop(), 1);
  assert_true(f.take(0).empty() && f.take(1).empty());
}

void a_client_in_no_room_moves_too(void**) {
  HubFixture f({}, 2);
  const ClientPtr client = f.open(0);
  f.hub->move_client(client, 1);
  assert_int_equal(client->loop(), 1);
  assert_true(rooms_of<Departed>(f.take(0)) == Names({""}));
  assert_true(rooms_of<Arrived>(f.take(1)) == Names({""}));
  assert_ok(f.join(client, "a"));
  assert_true(f.take(0).empty());
  assert_true(rooms_of<Joined>(f.take(1)) == Names({"a"}));
  f.publish("a", "1");
  assert_true(f.take(0).empty());
  assert_true(heard_seqs(f.take(1)) == Seqs({1}));
}

void everything_directed_follows_the_client(void**) {
  HubFixture f({}, 2);
  const ClientPtr client = f.open(0);
  assert_ok(f.join(client, "a"));
  f.take(0);
  assert_ok(f.hub->send(client, draft("", "before"), f.now));
  f.hub->move_client(client, 1);
  const std::vector<LoopEvent> old_loop = f.take(0);
  assert_int_equal(old_loop.size(), 3);
  assert_text(std::get<DirectMessage>(old_loop[0]).message->payload, "before");
  assert_true(rooms_of<Departed>(old_loop) == Names({"a", ""}));
  f.take(1);

  const std::uint64_t ack_id = f.hub->next_ack_id();
  assert_true(ack_id != 0 && f.hub->next_ack_id() != ack_id);
  assert_ok(f.hub->send(client, draft("", "after"), f.now, {ack_id, 500}));
  assert_ok(f.hub->answer(client, Answer{0, 7, "[]", {}}));
  assert_ok(f.hub->set_identity(client, Identity{"ann", "Ann", {}}));
  assert_ok(f.join(client, "a"));
  assert_ok(f.join(client, "b"));
  assert_ok(f.hub->leave(client, "b", ""));
  assert_ok(f.hub->close_client(client, 1008, "bye"));
  assert_true(f.take(0).empty());
  const std::vector<LoopEvent> events = f.take(1);
  assert_int_equal(events.size(), 7);
  const auto& direct = std::get<DirectMessage>(events[0]);
  assert_text(direct.message->payload, "after");
  assert_text(direct.message->room, "a");
  assert_int_equal(direct.ack.id, ack_id);
  assert_int_equal(direct.ack.timeout_ms, 500);
  assert_int_equal(std::get<Answer>(events[1]).ack_id, 7);
  assert_text(std::get<Renamed>(events[2]).name, "Ann");
  assert_true(std::get<Joined>(events[3]).already);
  assert_text(std::get<Joined>(events[4]).room, "b");
  assert_text(std::get<Left>(events[5]).room, "b");
  assert_text(std::get<CloseClient>(events[6]).reason, "bye");
}

void a_verdict_follows_the_client(void**) {
  HubFixture f({}, 2);
  const ClientPtr accepted = f.add(0);
  const ClientPtr refused = f.add(0);
  f.hub->move_client(accepted, 1);
  f.hub->move_client(refused, 1);
  assert_ok(f.hub->accept(accepted, std::nullopt));
  assert_ok(f.hub->refuse(refused, "no", ""));
  assert_ok(f.hub->open(accepted, "a", std::nullopt, f.now));
  assert_true(f.take(0).empty());
  const std::vector<LoopEvent> events = f.take(1);
  assert_int_equal(only<DecisionGiven>(events).size(), 2);
  assert_int_equal(only<Joined>(events).size(), 1);
}

// Each way to leave a room, after a move and after the move back: the current loop is notified, and the membership is
// counted there.
void leaving_after_a_move(void**) {
  for (const std::size_t home : {std::size_t{1}, std::size_t{0}}) {
    HubFixture f({}, 2);
    const ClientPtr client = f.open(0, "ann");
    for (const char* room : {"banned", "closed", "left", "removed"}) assert_ok(f.join(client, room));
    f.hub->move_client(client, 1);
    if (home == 0) f.hub->move_client(client, 0);
    f.take(0);
    f.take(1);
    assert_ok(f.hub->ban("user:ann", "banned", 1'000, "", f.now));
    assert_ok(f.hub->close_room("closed", ""));
    assert_ok(f.hub->leave(client, "left", ""));
    assert_true(f.take(1 - home).empty());
    assert_true(rooms_of<Left>(f.take(home)) == Names({"banned", "closed", "left"}));
    f.hub->remove_client(client);
    f.hub->move_client(client, 1 - home);  // already removed
    for (const char* room : {"banned", "closed", "left", "removed"}) f.publish(room, "nobody");
    assert_true(f.take(0).empty() && f.take(1).empty());
  }
}

// Simulates a loop's handling of its inbox for one client: the rooms that it delivers, and their messages. The room
// without a name is everyone.
class Listener {
 public:
  struct Heard {
    std::map<std::string, std::vector<std::uint64_t>> seqs;
    std::vector<std::uint64_t> directs;
    std::vector<std::string> everyone;
    int faults = 0;
  };

  explicit Listener(bool hears_everyone) { rooms_[""] = hears_everyone; }

  void listen(const std::vector<LoopEvent>& events, Heard& heard) {
    for (const LoopEvent& event : events) {
      if (auto* joined = std::get_if<Joined>(&event)) begin(joined->room, heard);
      if (auto* arrived = std::get_if<Arrived>(&event)) begin(arrived->room, heard);
      if (auto* departed = std::get_if<Departed>(&event)) {
        end(departed->room, heard);
        if (departed->room.empty() && hears_any()) ++heard.faults;  // it must come last
      }
      if (auto* left = std::get_if<Left>(&event)) end(left->room, heard);
      if (auto* said = std::get_if<RoomMessage>(&event)) {
        if (rooms_[said->message->room]) heard.seqs[said->message->room].push_back(said->message->seq);
      }
      if (auto* said = std::get_if<EveryoneMessage>(&event)) {
        if (rooms_[""]) heard.everyone.push_back(said->message->payload);
      }
      if (auto* direct = std::get_if<DirectMessage>(&event)) {
        // Between all of its arrivals and the first of its departures, or it is not the loop of the client.
        for (const auto& [room, hears] : rooms_) heard.faults += hears ? 0 : 1;
        heard.directs.push_back(std::stoull(direct->message->payload));
      }
    }
  }

  bool hears_any() const {
    return std::any_of(rooms_.begin(), rooms_.end(), [](const auto& room) { return room.second; });
  }

 private:
  void begin(const std::string& room, Heard& heard) { heard.faults += std::exchange(rooms_[room], true) ? 1 : 0; }
  void end(const std::string& room, Heard& heard) { heard.faults += std::exchange(rooms_[room], false) ? 0 : 1; }

  std::map<std::string, bool> rooms_;
};

// Three threads publish in four rooms and to everyone, and one sends to the client, which moves back and forth. In two
// of the rooms a member on each loop makes both loops receive the messages; for the others only the client's loop does.
// No message is lost, duplicated or reordered.
void moving_while_others_publish(void**) {
  constexpr int kPublishers = 3;
  constexpr int kMessages = 8'000;
  constexpr int kToEveryone = 4'000;
  constexpr std::uint64_t kDirects = 8'000;
  HubOptions options;
  options.history.messages = 0;
  HubFixture f(options, 2);
  const Names rooms = {"a", "b", "c", "d"};
  const ClientPtr client = f.open(0);
  for (const std::string& room : rooms) assert_ok(f.join(client, room));
  for (const std::size_t loop : {0, 1}) {
    const ClientPtr bystander = f.add(loop);
    assert_ok(f.hub->accept(bystander, std::nullopt));
    assert_ok(f.hub->open(bystander));
    assert_ok(f.join(bystander, "a"));
    assert_ok(f.join(bystander, "b"));
  }
  // Ignores the bystanders' events. The client's Joined events are at the front of its inbox.
  auto is_for_another = [&](const LoopEvent& event) {
    const auto* joined = std::get_if<Joined>(&event);
    return joined != nullptr && joined->client != client->id();
  };
  std::vector<LoopEvent> events[2];
  auto collect = [&](std::size_t loop) {
    for (LoopEvent& event : f.take(loop)) {
      if (!is_for_another(event)) events[loop].push_back(std::move(event));
    }
  };
  collect(0);
  collect(1);

  std::atomic<int> running = kPublishers + 1;
  std::vector<std::thread> threads;
  for (int t = 0; t < kPublishers; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < kMessages; ++i) {
        (void)f.hub->publish(draft(rooms[random() % rooms.size()], "x"), f.now);
        if (i % (kMessages / kToEveryone) == 0) {
          (void)f.hub->publish(draft("", std::to_string(t) + std::to_string(kToEveryone + i)), f.now);
        }
      }
      --running;
    });
  }
  threads.emplace_back([&] {
    for (std::uint64_t i = 1; i <= kDirects; ++i) (void)f.hub->send(client, draft("a", std::to_string(i)), f.now);
    --running;
  });

  // The old loop has only messages up to the move, so all of them can be put into one order.
  Listener listeners[2] = {Listener(true), Listener(false)};
  Listener::Heard heard;
  std::size_t home = 0;
  int moves = 0;
  while (running.load() != 0 || moves < 10) {
    f.hub->move_client(client, 1 - home);
    listeners[home].listen(std::exchange(events[home], {}), heard);
    collect(home);
    listeners[home].listen(std::exchange(events[home], {}), heard);
    if (listeners[home].hears_any()) ++heard.faults;  // the last one has arrived
    home = 1 - home;
    ++moves;
  }
  for (std::thread& thread : threads) thread.join();
  collect(home);
  listeners[home].listen(events[home], heard);
  listeners[1 - home].listen(f.take(1 - home), heard);

  assert_int_equal(heard.faults, 0);
  std::size_t total = 0;
  for (auto& [room, seqs] : heard.seqs) {
    for (std::size_t i = 0; i < seqs.size(); ++i) assert_int_equal(seqs[i], i + 1);
    total += seqs.size();
  }
  assert_int_equal(total, kPublishers * kMessages);
  assert_int_equal(heard.directs.size(), kDirects);
  for (std::size_t i = 0; i < heard.directs.size(); ++i) assert_int_equal(heard.directs[i], i + 1);
  // Messages to everyone from one thread keep their order. Threads are not ordered among each other.
  assert_int_equal(heard.everyone.size(), kPublishers * kToEveryone);
  std::stable_sort(heard.everyone.begin(), heard.everyone.end(),
                   [](const std::string& a, const std::string& b) { return a.front() < b.front(); });
  for (std::size_t i = 0; i < heard.everyone.size(); ++i) {
    const std::size_t nth = i % kToEveryone;
    const std::size_t number = kToEveryone + nth * (kMessages / kToEveryone);
    assert_text(heard.everyone[i], std::to_string(i / kToEveryone) + std::to_string(number));
  }
  assert_true(moves >= 10);
}

// Only messages to everyone, from many threads, on three loops.
void moving_while_others_speak_to_everyone(void**) {
  constexpr int kSpeakers = 4;
  constexpr int kMessages = 4'000;
  HubFixture f({}, 3);
  const ClientPtr client = f.open(0);
  std::atomic<int> running = kSpeakers;
  std::vector<std::thread> threads;
  for (int t = 0; t < kSpeakers; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kMessages; ++i) (void)f.hub->publish(draft("", std::to_string(t * kMessages + i)), f.now);
      --running;
    });
  }
  std::mt19937 random(1);
  std::vector<std::size_t> homes = {0};
  while (running.load() != 0 || homes.size() < 10) {
    f.hub->move_client(client, random() % 3);
    if (client->loop() != homes.back()) homes.push_back(client->loop());
  }
  for (std::thread& thread : threads) thread.join();

  std::map<std::string, int> heard;
  std::size_t departures = 0;
  for (std::size_t loop = 0; loop < 3; ++loop) {
    bool hears = loop == 0;
    for (const LoopEvent& event : f.take(loop)) {
      if (std::holds_alternative<Arrived>(event)) assert_false(std::exchange(hears, true));
      if (std::holds_alternative<Departed>(event)) {
        assert_true(std::exchange(hears, false));
        ++departures;
      }
      if (auto* said = std::get_if<EveryoneMessage>(&event); said != nullptr && hears) ++heard[said->message->payload];
    }
    assert_int_equal(hears, loop == client->loop());
  }
  assert_int_equal(departures, homes.size() - 1);
  assert_int_equal(heard.size(), kSpeakers * kMessages);
  for (const auto& [text, times] : heard) assert_int_equal(times, 1);
}

// The client moves while it is banned, leaves and joins, and while rooms are closed. Each loop's inbox is consistent,
// and at the end no loop receives messages of a room without members.
void moving_while_rooms_come_and_go(void**) {
  HubOptions options;
  options.history.messages = 0;
  HubFixture f(options, 3);
  const Names rooms = {"a", "b", "c"};
  std::atomic<int> running = 0;
  for (int round = 0; round < 20; ++round) {
    const ClientPtr client = f.open(0, "ann");
    for (const std::string& room : rooms) assert_ok(f.join(client, room));
    running = 3;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(static_cast<unsigned>(100 * round + t));
        for (int i = 0; i < 200; ++i) {
          const std::string& room = rooms[random() % rooms.size()];
          switch (random() % 5) {
            case 0:
              (void)f.hub->ban("user:ann", room, 1'000, "", f.now);
              (void)f.hub->ban("user:ann", room, 0, "", f.now);
              break;
            case 1:
              (void)f.hub->close_room(room, "");
              break;
            case 2:
              (void)f.hub->leave(client, room, "");
              break;
            case 3:
              (void)f.hub->publish(draft(room, "x"), f.now);
              break;
            default:
              (void)f.join(client, room);
          }
        }
        // In some rounds the client is removed meanwhile.
        if (t == 0 && round % 2 == 1) f.hub->remove_client(client);
        --running;
      });
    }
    std::mt19937 random(static_cast<unsigned>(round));
    while (running.load() != 0) f.hub->move_client(client, random() % 3);
    for (std::thread& thread : threads) thread.join();

    const std::size_t home = client->loop();
    const Names joined = client->rooms();
    for (std::size_t loop = 0; loop < 3; ++loop) {
      std::map<std::string, int> hears = {{"", loop == 0 ? 1 : 0}};  // everyone, on the loop where it was opened
      for (const LoopEvent& event : f.take(loop)) {
        if (auto* one = std::get_if<Joined>(&event)) hears[one->room] += one->already ? 0 : 1;
        if (auto* one = std::get_if<Arrived>(&event)) ++hears[one->room];
        if (auto* one = std::get_if<Departed>(&event)) --hears[one->room];
        if (auto* one = std::get_if<Left>(&event)) --hears[one->room];
        for (const auto& [room, count] : hears) assert_in_range(count, 0, 1);
      }
      if (client->state() == ClientState::gone) continue;  // it was removed, without Left events
      assert_int_equal(hears[""], loop == home ? 1 : 0);
      for (const std::string& room : rooms) {
        const bool member = loop == home && std::find(joined.begin(), joined.end(), room) != joined.end();
        assert_int_equal(hears[room], member ? 1 : 0);
      }
    }
    for (const std::string& room : rooms) f.publish(room, "counted");
    for (std::size_t loop = 0; loop < 3; ++loop) {
      assert_int_equal(f.take(loop).size(), loop == home ? joined.size() : 0);
    }
    f.hub->remove_client(client);
    for (const std::string& room : rooms) f.publish(room, "nobody");
    for (std::size_t loop = 0; loop < 3; ++loop) assert_true(f.take(loop).empty());
  }
}

// Busy senders do not delay a move.
void senders_do_not_hold_up_a_move(void**) {
  HubFixture f({}, 2);
  const ClientPtr client = f.open(0);
  const ClientPtr other = f.open(0);
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (!stop.load()) (void)f.hub->answer(other, Answer{});
    });
  }
  for (int i = 0; i < 200; ++i) {
    f.hub->move_client(client, 1 - client->loop());
    f.take(0);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  assert_int_equal(client->loop(), 0);
}

// There is no memory for one of the events: the client stays where it is, as if the move had not been tried.
void a_move_without_memory_changes_nothing(void**) {
  for (const std::size_t inbox : {0, 1}) {
    for (int post = 1; post <= 3; ++post) {
      HubFixture f({}, 2);
      const ClientPtr client = f.open(0);
      assert_ok(f.join(client, "a"));
      assert_ok(f.join(client, "b"));
      f.take(0);
      f.inboxes[inbox]->fail_at(post);
      assert_no_memory(f.hub->move_client(client, 1));
      assert_int_equal(client->loop(), 0);
      assert_int_equal(f.inboxes[0]->reserved() + f.inboxes[1]->reserved(), 0);
      f.publish("a", "1");
      assert_int_equal(f.take(0).size(), 1);
      assert_true(f.take(1).empty());
      f.hub->move_client(client, 1);
      assert_true(rooms_of<Departed>(f.take(0)) == Names({"a", "b", ""}));
      assert_true(rooms_of<Arrived>(f.take(1)) == Names({"a", "b", ""}));
      assert_int_equal(f.inboxes[0]->reserved() + f.inboxes[1]->reserved(), 0);
    }
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_move_is_told_to_both_loops_in_each_rooms_order),
      cmocka_unit_test(what_is_said_to_everyone_has_its_place_in_a_move),
      cmocka_unit_test(a_client_that_is_not_open_moves_silently),
      cmocka_unit_test(a_loop_that_others_live_on_is_still_told),
      cmocka_unit_test(moving_to_where_it_lives_changes_nothing),
      cmocka_unit_test(a_client_in_no_room_moves_too),
      cmocka_unit_test(everything_directed_follows_the_client),
      cmocka_unit_test(a_verdict_follows_the_client),
      cmocka_unit_test(leaving_after_a_move),
      cmocka_unit_test(a_move_without_memory_changes_nothing),
      cmocka_unit_test(moving_while_others_publish),
      cmocka_unit_test(moving_while_others_speak_to_everyone),
      cmocka_unit_test(moving_while_rooms_come_and_go),
      cmocka_unit_test(senders_do_not_hold_up_a_move),
  };
  return cmocka_run_group_tests_name("hub/hub_move", tests, nullptr, nullptr);
}
