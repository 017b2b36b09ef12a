// DeliveryLog: a life made of the input's bytes, beside a model that remembers everything. What the log knows is right, what it
// has forgotten it does not guess, and its memory is bounded.
#include "session/delivery_log.h"

#include <array>
#include <string>

#include "fuzz/fuzz.h"
#include "support/delivery_model.h"

using namespace chat;
using namespace chat::fuzz;
using namespace chat::session;
using namespace chat::test;

namespace {

constexpr std::size_t kRooms = 4;
constexpr std::size_t kMaxItems = 2'000;

void check(const DeliveryLog& log, const DeliveryModel& model) {
  require(log.memory_bytes() < 64'000);
  const std::size_t total = model.items.size();
  const bool all_is_kept = total <= DeliveryLog::kMaxEntries;
  if (all_is_kept) require(show(log.positions_proven()) == show(model.proven()));
  for (std::size_t index = total > 32 ? total - 32 : 0; index < total; ++index) {
    const DeliveryModel::Item& last = model.items[index];
    if (last.own) continue;
    const auto actual = log.positions_at(last.room, {"e", last.seq});
    if (all_is_kept) require(actual ? model.agrees(index, *actual) : model.members.empty());
    if (!actual) continue;
    require(actual->size() == model.members.size());
    for (const RoomPosition& one : *actual) require(model.in(one.room) && one.position.epoch == "e");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  DeliveryLog log;
  DeliveryModel model;
  std::array<std::uint64_t, kRooms> newest = {0, 1, 0, 7};
  while (!input.rest().empty() && model.items.size() < kMaxItems) {
    const std::uint8_t choice = input.choice();
    const std::size_t which = choice % kRooms;
    const std::string room(1, static_cast<char>('a' + which));
    const unsigned action = choice / kRooms % 8;
    // The last action says so many things at once.
    unsigned count = action == 7 ? choice : 1;
    switch (action) {
      case 0:
        if (model.in(room)) {
          log.leave(room);
          model.leave(room);
        } else {
          log.join(room, {"e", newest[which]});
          model.join(room, newest[which]);
        }
        break;
      case 1:
        log.ping_sent();
        model.ping_sent();
        break;
      case 2:
        log.ping_answered();
        model.ping_answered();
        break;
      case 3:  // whatever a client may name
        (void)log.positions_at(room, {choice % 3 == 0 ? "f" : "e", newest[which] + choice - 128});
        (void)log.positions_at(input.rest().substr(0, 3), {"e", choice});
        break;
      default:
        for (; count != 0; --count) {
          const std::uint64_t seq = ++newest[which];
          if (!model.in(room)) continue;
          const bool own = action == 4;
          log.note(DeliveryModel::message(room, seq), own);
          model.note(room, seq, own);
        }
    }
  }
  check(log, model);
  const DeliveryLog copy = log;
  check(copy, model);
  return 0;
}
