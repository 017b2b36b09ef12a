// See server_about.h.
#include "cluster/server_about.h"

#include <algorithm>

#include "cluster/words.h"

namespace chat::cluster {
namespace {

// A word for a text that may be empty or have spaces.
std::string word_of(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= ' '; }, '_');
  return text.empty() ? "-" : text;
}

// False: the next word is no number.
template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const std::optional<Number> found = number_in<Number>(take_word(text));
  if (found) number = *found;
  return found.has_value();
}

}  // namespace

std::string about_text(const ServerAbout& about) {
  std::string runs;
  for (const std::string& run : about.handed_over) runs += (runs.empty() ? "" : ",") + run;
  std::string text = word_of(runs);
  for (const std::uint64_t number : {about.clients, about.rooms, about.waiting}) text += " " + text_of(number);
  for (const std::int64_t number : {about.started_at_ms, about.pid}) text += " " + text_of(number);
  return text + " " + word_of(about.version) + " " + word_of(about.host);
}

std::optional<ServerAbout> parse_about(std::string_view text) {
  ServerAbout about;
  about.id = take_word(text);
  std::string_view runs = take_word(text);
  if (runs == "-") runs = {};
  while (!runs.empty()) {
    const std::size_t end = std::min(runs.find(','), runs.size());
    about.handed_over.emplace_back(runs.substr(0, end));
    runs.remove_prefix(std::min(end + 1, runs.size()));
  }
  const bool has_numbers = take_number(text, about.clients) && take_number(text, about.rooms) &&
                           take_number(text, about.waiting) && take_number(text, about.started_at_ms) &&
                           take_number(text, about.pid);
  about.version = take_word(text);
  about.host = take_word(text);
  if (about.id.empty() || !has_numbers || about.host.empty()) return std::nullopt;
  return about;
}

}  // namespace chat::cluster
