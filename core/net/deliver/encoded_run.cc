// See encoded_run.h.
#include "net/deliver/encoded_run.h"

#include <algorithm>
#include <utility>

#include "model/give_back.h"

namespace chat::net {
namespace {

// So much is kept for the next run.
constexpr std::size_t kKeptForms = 8;
constexpr std::size_t kKeptBytes = 16'384;

}  // namespace

EncodedRun::Entry& EncodedRun::place(MemberForms::Number form) {
  if (form >= entries_.size()) entries_.resize(forms_->size());
  return entries_[form];
}

EncodedRun::Entry& EncodedRun::entry(MemberForms::Number form, const Receiver& receiver) {
  Entry& made = place(form);
  if (!made.made) make(made, (*forms_)[form], receiver);
  return made;
}

const SharedBody* EncodedRun::body(std::size_t at, const MemberForm& form, const Receiver& receiver) {
  Bodies* bodies = nullptr;
  for (Bodies& one : bodies_) {
    if (one.form == form.form && one.carrier == form.carrier && one.counts_only == form.counts_only) bodies = &one;
  }
  if (bodies == nullptr) {
    bodies = &bodies_.emplace_back(Bodies{form.form, form.carrier, form.counts_only, {}, {}});
  }
  bodies->bodies.resize(run_->size());
  bodies->made.resize(run_->size());
  std::optional<SharedBody>& body = bodies->bodies[at];
  if (!bodies->made[at]) {
    if (const MessagePtr& message = seen_by((*run_)[at], form.counts_only)) {
      if (std::optional<wire::Packet> packet = receiver.codec().encode_body(*message, form.form)) {
        body = form.carrier->share(std::move(*packet));
      }
    }
    bodies->made[at] = true;
  }
  return body ? &*body : nullptr;
}

const SharedBody* EncodedRun::body(std::size_t at, MemberForms::Number form, const Receiver& receiver) {
  return body(at, (*forms_)[form], receiver);
}

// False: the format cannot express the message.
bool EncodedRun::add_to(FrameBuilder& builder, std::size_t at, const MemberForm& form, const Receiver& receiver) {
  if (form.subscription.empty()) {
    const std::size_t before = builder.packets();
    const MessagePtr& message = seen_by((*run_)[at], form.counts_only);
    if (message) receiver.codec().encode_to(builder, *message, form.form);
    return builder.packets() != before;
  }
  const SharedBody* const shared = body(at, form, receiver);
  if (shared != nullptr) builder.add(receiver.codec().encode_head(*(*run_)[at], form.form, form.subscription), *shared);
  return shared != nullptr;
}

void EncodedRun::make(Entry& made, const MemberForm& form, const Receiver& receiver) {
  FrameBuilder builder(*form.carrier, std::exchange(made.bytes.own, {}));
  builder.reserve(bytes_);
  made.left_out.clear();
  for (std::size_t at = 0; at < run_->size(); ++at) {
    if (!add_to(builder, at, form, receiver)) made.left_out.push_back(at);
  }
  made.bytes = builder.take();
  made.size = made.bytes.own.size();
  for (const BufferPtr& buffer : made.bytes.shared) made.size += buffer->bytes().size();
  made.messages = run_->size() - made.left_out.size();
  made.counters = form.counters;
  made.made = true;
  bytes_ = made.size;
}

std::vector<MessagePtr> EncodedRun::messages_of(const Entry& made) const {
  if (made.left_out.empty()) return *run_;
  std::vector<MessagePtr> messages;
  messages.reserve(made.messages);
  for (std::size_t at = 0; at < run_->size(); ++at) {
    if (!std::ranges::binary_search(made.left_out, at)) messages.push_back((*run_)[at]);
  }
  return messages;
}

const FramePtr& EncodedRun::whole(MemberForms::Number number, const Receiver& receiver) {
  Entry& made = entry(number, receiver);
  if (made.whole || made.messages == 0) return made.whole;
  std::vector<MessagePtr> messages = messages_of(made);
  made.made = false;  // until the bytes are in the frame: when memory fails they are made again
  made.whole = make_frame(std::move(made.bytes), std::move(messages));
  made.made = true;
  return made.whole;
}

const FramePtr& EncodedRun::single(std::size_t at, MemberForms::Number number, const Receiver& receiver) {
  Entry& made = place(number);
  made.singles_made.resize(run_->size());
  made.singles.resize(run_->size());
  if (!made.singles_made[at]) {
    const MemberForm& form = (*forms_)[number];
    FrameBuilder builder(*form.carrier);
    add_to(builder, at, form, receiver);
    made.singles[at] = builder.finish((*run_)[at]);
    made.singles_made[at] = true;
  }
  return made.singles[at];
}

FramePtr EncodedRun::own(MemberForms::Number number, Receiver& receiver) {
  const MemberForm& form = (*forms_)[number];
  FrameBuilder builder(*form.carrier);
  std::vector<MessagePtr> copies;
  for (std::size_t at = 0; at < run_->size(); ++at) {
    const SharedBody* const shared = body(at, form, receiver);
    if (shared == nullptr) continue;
    for (const std::string& head : receiver.make_heads(*(*run_)[at], form.subscription)) {
      builder.add(head, *shared);
      copies.push_back((*run_)[at]);
    }
  }
  return builder.finish(std::move(copies));
}

void EncodedRun::gather(Entry& made, const Carrier& carrier) {
  std::string gathered = std::exchange(made.gathered, {});
  if (carrier.gathers()) carrier.append_prefix(gathered, made.size);
  if (made.whole) {
    made.whole->append_to(gathered);
  } else {
    gathered += made.bytes.own;
    for (const BufferPtr& buffer : made.bytes.shared) gathered += buffer->bytes();
  }
  if (carrier.gathers()) gathered += carrier.suffix();
  made.gathered = std::move(gathered);
}

std::string_view EncodedRun::write_of(MemberForms::Number number, const Receiver& receiver) {
  Entry& made = entry(number, receiver);
  if (!made.gathered.empty()) return made.gathered;
  if (made.messages == 0) return {};
  const Carrier& carrier = *(*forms_)[number].carrier;
  const bool one_segment = made.whole ? made.whole->segments() == 1 : made.bytes.shared.empty();
  if (carrier.gathers() || !one_segment) {
    gather(made, carrier);
    return made.gathered;
  }
  return made.whole ? made.whole->segment(0) : std::string_view(made.bytes.own);
}

void EncodedRun::count_deliveries() {
  for (Entry& made : entries_) made.counters.add(std::exchange(made.writes, 0) * made.messages);
}

void EncodedRun::end() noexcept {
  bodies_.clear();
  bytes_ = 0;
  if (entries_.size() > kKeptForms) give_back(entries_);
  for (Entry& made : entries_) {
    Entry next;
    for (auto [from, to] : {std::pair(&made.bytes.own, &next.bytes.own), std::pair(&made.gathered, &next.gathered)}) {
      if (from->capacity() > kKeptBytes) continue;
      from->clear();
      to->swap(*from);
    }
    made = std::move(next);
  }
}

}  // namespace chat::net
