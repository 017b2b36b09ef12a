// Shows people to callbacks and visitors as chat_person.
#pragma once

#include <cstddef>
#include <vector>

#include "chat/chat.h"
#include "model/presence.h"

namespace chat::capi {

// A chat_person that points into a person, which must outlive it.
class PersonView {
 public:
  explicit PersonView(const Person& person)
      : person_{sizeof(chat_person), person.user_id.c_str(), person.client, person.name.c_str(),
                person.state ? person.state->c_str() : ""} {}
  const chat_person* get() const { return &person_; }

 private:
  chat_person person_;
};

// The same for a list, as an array of pointers; nullptr when it is empty.
class PeopleView {
 public:
  explicit PeopleView(const std::vector<Person>& people) : views_(people.begin(), people.end()) {
    pointers_.reserve(views_.size());
    for (const PersonView& view : views_) pointers_.push_back(view.get());
  }
  PeopleView(const PeopleView&) = delete;
  PeopleView& operator=(const PeopleView&) = delete;

  const chat_person* const* data() const { return pointers_.empty() ? nullptr : pointers_.data(); }
  std::size_t size() const { return pointers_.size(); }

 private:
  const std::vector<PersonView> views_;
  std::vector<const chat_person*> pointers_;
};

}  // namespace chat::capi
