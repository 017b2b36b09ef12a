// See encoded_run.h.
#include "net/deliver/encoded_run.h"

#include <utility>

namespace chat::net {

EncodedRun::Entry& EncodedRun::entry(MemberForms::Number form) {
  if (form >= entries_.size()) entries_.resize(forms_.size());
  return entries_[form];
}

const SharedBody* EncodedRun::body(std::size_t at, const MemberForm& form, const Receiver& receiver) {
  Bodies* bodies = nullptr;
  for (Bodies& one : bodies_) {
    if (one.form == form.form && one.carrier == form.carrier) bodies = &one;
  }
  if (bodies == nullptr) {
    bodies = &bodies_.emplace_back(Bodies{form.form, form.carrier, {}, {}});
  }
  bodies->bodies.resize(run_.size());
  bodies->made.resize(run_.size());
  std::optional<SharedBody>& body = bodies->bodies[at];
  if (!bodies->made[at]) {
    if (std::optional<wire::Packet> packet = receiver.codec().encode_body(*run_[at], form.form)) {
      body = form.carrier->share(std::move(*packet));
    }
    bodies->made[at] = true;
  }
  return body ? &*body : nullptr;
}

const SharedBody* EncodedRun::body(std::size_t at, MemberForms::Number form, const Receiver& receiver) {
  return body(at, forms_[form], receiver);
}

// False: the format cannot express the message.
bool EncodedRun::add_to(FrameBuilder& builder, std::size_t at, const MemberForm& form, const Receiver& receiver) {
  if (form.subscription.empty()) {
    const wire::Packets packets = receiver.codec().encode_in_form(*run_[at], form.form);
    for (const wire::Packet& packet : packets) builder.add(packet);
    return !packets.empty();
  }
  const SharedBody* const shared = body(at, form, receiver);
  if (shared != nullptr) builder.add(receiver.codec().encode_head(*run_[at], form.form, form.subscription), *shared);
  return shared != nullptr;
}

const FramePtr& EncodedRun::whole(MemberForms::Number number, const Receiver& receiver) {
  if (run_.size() == 1) return single(0, number, receiver);
  Entry& made = entry(number);
  if (made.whole_made) return made.whole;
  const MemberForm& form = forms_[number];
  FrameBuilder builder(*form.carrier);
  builder.reserve(bytes_);
  std::vector<MessagePtr> added;
  added.reserve(run_.size());
  for (std::size_t at = 0; at < run_.size(); ++at) {
    if (add_to(builder, at, form, receiver)) added.push_back(run_[at]);
  }
  made.whole = builder.finish(std::move(added));
  if (made.whole) bytes_ = made.whole->size_bytes();
  made.whole_made = true;
  return made.whole;
}

const FramePtr& EncodedRun::single(std::size_t at, MemberForms::Number number, const Receiver& receiver) {
  Entry& made = entry(number);
  made.singles_made.resize(run_.size());
  made.singles.resize(run_.size());
  if (!made.singles_made[at]) {
    const MemberForm& form = forms_[number];
    FrameBuilder builder(*form.carrier);
    add_to(builder, at, form, receiver);
    made.singles[at] = builder.finish(run_[at]);
    made.singles_made[at] = true;
  }
  return made.singles[at];
}

FramePtr EncodedRun::own(MemberForms::Number number, Receiver& receiver) {
  const MemberForm& form = forms_[number];
  FrameBuilder builder(*form.carrier);
  std::vector<MessagePtr> copies;
  for (std::size_t at = 0; at < run_.size(); ++at) {
    const SharedBody* const shared = body(at, form, receiver);
    if (shared == nullptr) continue;
    for (const std::string& head : receiver.make_heads(*run_[at], form.subscription)) {
      builder.add(head, *shared);
      copies.push_back(run_[at]);
    }
  }
  return builder.finish(std::move(copies));
}

void EncodedRun::make_write(Entry& made, const MemberForm& form) {
  const Frame& frame = *made.whole;
  made.messages = frame.messages().size();
  made.counters = form.counters;
  if (!form.carrier->gathers() && frame.segments() == 1) return;
  if (form.carrier->gathers()) form.carrier->append_prefix(made.gathered, frame.size_bytes());
  frame.append_to(made.gathered);
  if (form.carrier->gathers()) made.gathered += form.carrier->suffix();
}

std::string_view EncodedRun::write_of(MemberForms::Number number, const Receiver& receiver) {
  Entry& made = entry(number);
  if (!made.write_made) {
    made.gathered.clear();
    made.whole = whole(number, receiver);
    if (made.whole) make_write(made, forms_[number]);
    made.write_made = true;
  }
  if (!made.gathered.empty()) return made.gathered;
  return made.whole ? made.whole->segment(0) : std::string_view();
}

void EncodedRun::count_deliveries() {
  for (Entry& made : entries_) made.counters.add(std::exchange(made.writes, 0) * made.messages);
}

}  // namespace chat::net
