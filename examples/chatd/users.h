// The file of --users: who may come with which token, and with which role. Without it everyone is a guest.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chatd {

struct User {
  std::string token;
  std::string id;
  // "role" or "role:ROOM", and the role.
  std::vector<std::pair<std::string, std::string>> roles;
};

class Users {
 public:
  static constexpr std::size_t kMaxUsers = 1'000;
  static constexpr std::size_t kMinTokenBytes = 16;  // whoever guesses a token is the user
  static constexpr std::size_t kMaxTokenBytes = 512;

  // Returns what is wrong with the file, or an empty text.
  std::string load(const std::string& path);
  // nullptr: nobody has this token. Takes as long for every token of one length.
  const User* find(std::string_view token) const;

 private:
  std::vector<User> users_;
};

}  // namespace chatd
