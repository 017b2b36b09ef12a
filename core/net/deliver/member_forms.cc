// See member_forms.h.
#include "net/deliver/member_forms.h"

#include <algorithm>
#include <span>
#include <utility>

namespace chat::net {
namespace {

constexpr std::size_t kFewForms = 16;

template <class Value>
void append_bytes(std::string& key, const Value& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  key.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Different for different forms.
std::string key_of(const MemberForm& form) {
  std::string key;
  key.reserve(40 + form.subscription.size());
  append_bytes(key, form.form);
  append_bytes(key, form.carrier);
  append_bytes(key, form.counters.by_protocol);
  append_bytes(key, form.counters.by_transport);
  append_bytes(key, form.own_heads);
  append_bytes(key, form.counts_only);
  return key += form.subscription;
}

}  // namespace

std::optional<MemberForms::Number> MemberForms::find(const MemberForm& form) const {
  if (numbers_) {
    const auto found = numbers_->find(key_of(form));
    return found == numbers_->end() ? std::nullopt : std::optional(found->second);
  }
  const auto found = std::ranges::find_if(entries_, [&](const Entry& e) { return e.members != 0 && e.form == form; });
  if (found == entries_.end()) return std::nullopt;
  return static_cast<Number>(found - entries_.begin());
}

MemberForms::Number MemberForms::take_place(const MemberForm& form) {
  if (free_.empty()) {
    if (entries_.size() == entries_.capacity()) {
      const std::size_t capacity = std::max<std::size_t>(1, 2 * entries_.size());
      free_.reserve(capacity);
      entries_.reserve(capacity);
    }
    entries_.push_back({form});
    return static_cast<Number>(entries_.size() - 1);
  }
  const Number number = free_.back();
  entries_[number].form = form;
  free_.pop_back();
  return number;
}

void MemberForms::index_all() {
  auto numbers = std::make_unique<StringMap<Number>>();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].members == 0) continue;
    entries_[i].key = &numbers->emplace(key_of(entries_[i].form), static_cast<Number>(i)).first->first;
  }
  numbers_ = std::move(numbers);
}

MemberForms::Number MemberForms::acquire(const MemberForm& form) {
  if (const std::optional<Number> found = find(form)) {
    ++entries_[*found].members;
    return *found;
  }
  if (!numbers_ && entries_.size() - free_.size() >= kFewForms) index_all();
  const Number number = take_place(form);
  try {
    if (numbers_) entries_[number].key = &numbers_->emplace(key_of(form), number).first->first;
  } catch (...) {
    free_.push_back(number);
    throw;
  }
  entries_[number].members = 1;
  return number;
}

void MemberForms::release(Number number) noexcept {
  Entry& entry = entries_[number];
  if (--entry.members != 0) return;
  if (numbers_) numbers_->erase(numbers_->find(*entry.key));
  entry.form = MemberForm();
  free_.push_back(number);
}

}  // namespace chat::net
