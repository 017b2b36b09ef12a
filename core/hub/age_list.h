// A list of objects from the one that was touched longest ago to the newest. Each object has its own link, so the list
// allocates nothing and every operation takes constant time. Not thread-safe.
#pragma once

#include <utility>

namespace chat {

// A place in one list. It is a member of the object that it places, and leaves its list on destruction.
template <class Object>
class AgeLink {
 public:
  explicit AgeLink(Object* object) : object_(object) {}
  ~AgeLink() { unlink(); }
  AgeLink(const AgeLink&) = delete;
  AgeLink& operator=(const AgeLink&) = delete;

  bool linked() const { return before_ != nullptr; }
  void unlink() {
    if (!linked()) return;
    before_->after_ = after_;
    after_->before_ = before_;
    before_ = after_ = nullptr;
  }

 private:
  template <class>
  friend class AgeList;

  Object* const object_;  // nullptr in the head of a list
  AgeLink* before_ = nullptr;
  AgeLink* after_ = nullptr;
};

template <class Object>
class AgeList {
 public:
  AgeList() { head_.before_ = head_.after_ = &head_; }
  ~AgeList() {
    while (head_.after_ != &head_) head_.after_->unlink();
  }
  AgeList(const AgeList&) = delete;
  AgeList& operator=(const AgeList&) = delete;

  // The one that was touched longest ago; nullptr when the list is empty.
  Object* oldest() const { return head_.after_->object_; }

  // Makes an object the newest, also one that is in this list or in another one.
  void touch(AgeLink<Object>& link) {
    link.unlink();
    link.before_ = head_.before_;
    link.after_ = &head_;
    head_.before_->after_ = &link;
    head_.before_ = &link;
  }

 private:
  AgeLink<Object> head_{nullptr};
};

}  // namespace chat
