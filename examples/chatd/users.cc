// See users.h.
#include "users.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace chatd {
namespace {

constexpr std::size_t kMaxLineBytes = 2'048;
constexpr std::size_t kMaxIdBytes = 128;
constexpr std::size_t kMaxRoles = 32;

// "moderator" or "moderator:dev" becomes an attribute of the identity. Returns what is wrong, or an empty text.
std::string read_role(const std::string& word, User& user) {
  const std::size_t colon = word.find(':');
  const std::string role = word.substr(0, colon);
  constexpr std::array<std::string_view, 3> kRoles = {"member", "moderator", "owner"};
  if (std::find(kRoles.begin(), kRoles.end(), role) == kRoles.end()) {
    return "'" + role + "' is none of member, moderator and owner";
  }
  if (user.roles.size() == kMaxRoles) return "more than 32 roles";
  user.roles.emplace_back(colon == std::string::npos ? "role" : "role" + word.substr(colon), role);
  return {};
}

// TOKEN USER [ROLE[:ROOM]]...
std::string read_user(std::istringstream& words, User& user) {
  words >> user.token >> user.id;
  if (user.id.empty()) return "the user is missing after the token";
  if (user.token.size() < Users::kMinTokenBytes) return "the token is shorter than 16 bytes";
  if (user.token.size() > Users::kMaxTokenBytes) return "the token is longer than 512 bytes";
  if (user.id.size() > kMaxIdBytes) return "the user is longer than 128 bytes";
  for (std::string word; words >> word;) {
    if (std::string wrong = read_role(word, user); !wrong.empty()) return wrong;
  }
  return {};
}

bool same_bytes(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace

std::string Users::load(const std::string& path) {
  users_.clear();
  std::ifstream file(path);
  if (!file) return path + ": " + std::strerror(errno);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const auto fault = [&](std::string_view what) {
      std::string text = path;
      return text.append(":").append(std::to_string(number)).append(": ").append(what);
    };
    if (line.size() > kMaxLineBytes) return fault("the line is longer than 2,048 bytes");
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#') continue;
    std::istringstream words(line);
    User user;
    if (std::string wrong = read_user(words, user); !wrong.empty()) return fault(wrong);
    if (find(user.token) != nullptr) return fault("the token has occurred before");
    if (users_.size() == kMaxUsers) return fault("more than 1,000 users");
    users_.push_back(std::move(user));
  }
  if (file.bad()) return path + ": " + std::strerror(errno);
  return {};
}

const User* Users::find(std::string_view token) const {
  const User* found = nullptr;
  for (const User& user : users_) {
    if (same_bytes(user.token, token)) found = &user;
  }
  return found;
}

}  // namespace chatd
