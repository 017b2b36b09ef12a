// The arrays of chat.h as ranges whose items are views. Nothing is copied: a range is valid until the callback or
// visitor that received it returns.
#ifndef CHAT_CPP_RANGE_HPP
#define CHAT_CPP_RANGE_HPP

#include <chat/chat.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace chat {
inline namespace v0 {

// A header, a query argument, an attribute.
struct Pair {
  std::string_view name;
  std::string_view value;
};

// A reaction of a message.
struct Reaction {
  // Its text, for example an emoji.
  std::string_view reaction;
  // How many users have given it.
  std::uint64_t users;
};

namespace detail {

// NULL becomes an empty string.
inline std::string_view view(const char* text) noexcept { return text == nullptr ? std::string_view() : text; }
inline std::string_view view(const void* data, std::size_t size) noexcept {
  return {static_cast<const char*>(data), size};
}
inline std::string_view view(const chat_blob& blob) noexcept { return view(blob.data, blob.size_bytes); }
inline Reaction view(const chat_reaction& one) noexcept { return {view(one.reaction), one.users}; }
inline Pair view(const chat_pair& pair) noexcept { return {view(pair.name), view(pair.value, pair.value_size)}; }

}  // namespace detail

// chat_person: a user or a guest in a room, valid while a callback or visitor runs.
class PersonView {
 public:
  explicit PersonView(const chat_person& raw) noexcept : raw_(&raw) {}

  // Empty: a guest.
  std::string_view user_id() const noexcept { return detail::view(raw_->user_id); }
  // The client of a guest; 0 for a user.
  chat_client_id id() const noexcept { return raw_->id; }
  std::string_view name() const noexcept { return detail::view(raw_->name); }
  // JSON; empty without a state.
  std::string_view state() const noexcept { return detail::view(raw_->state); }
  const chat_person& raw() const noexcept { return *raw_; }

 private:
  const chat_person* raw_;
};

namespace detail {

inline PersonView view(const chat_person* person) noexcept { return PersonView(*person); }

}  // namespace detail

// A range of views over an array of chat.h.
template <class Raw>
class Range {
 public:
  // The type of an item: std::string_view, Pair, Reaction or PersonView.
  using value_type = decltype(detail::view(*static_cast<const Raw*>(nullptr)));

  // Iterates over the items in order. Each is created on access.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = typename Range::value_type;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = value_type;

    Iterator() = default;
    explicit Iterator(const Raw* at) noexcept : at_(at) {}
    value_type operator*() const noexcept { return detail::view(*at_); }
    Iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    Iterator operator++(int) noexcept { return Iterator(at_++); }
    friend bool operator==(Iterator one, Iterator other) noexcept { return one.at_ == other.at_; }
    friend bool operator!=(Iterator one, Iterator other) noexcept { return one.at_ != other.at_; }

   private:
    const Raw* at_ = nullptr;
  };

  Range(const Raw* items, std::size_t size) noexcept : items_(items), size_(size) {}

  Iterator begin() const noexcept { return Iterator(items_); }
  // Past the last item.
  Iterator end() const noexcept { return Iterator(items_ + size_); }
  // The number of items.
  std::size_t size() const noexcept { return size_; }
  // Whether there are no items.
  bool empty() const noexcept { return size_ == 0; }
  // index must be below size().
  value_type operator[](std::size_t index) const noexcept { return detail::view(items_[index]); }

 private:
  const Raw* items_;
  std::size_t size_;
};

// Headers, query arguments, attributes.
using Pairs = Range<chat_pair>;
// The bytes of attachments.
using Blobs = Range<chat_blob>;
// Reactions of a message.
using Reactions = Range<chat_reaction>;
// NUL-terminated strings.
using Texts = Range<const char*>;
// People in a room.
using People = Range<const chat_person*>;

// The value of the first pair with this name, or an empty string.
inline std::string_view find(const Pairs& pairs, std::string_view name) noexcept {
  for (const Pair pair : pairs) {
    if (pair.name == name) return pair.value;
  }
  return {};
}

}  // namespace v0
}  // namespace chat

#endif  // CHAT_CPP_RANGE_HPP
