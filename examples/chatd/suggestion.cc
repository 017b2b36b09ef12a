// See suggestion.h.
#include "suggestion.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace chatd {
namespace {

// No option is longer. The comparison takes time and memory that depend on the length.
constexpr std::size_t kMaxNameBytes = 64;

std::string normal(std::string_view name) {
  std::string result(name);
  for (char& c : result) c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// The number of insertions, deletions, replacements and swaps of neighbors between the two (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> best(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) best[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) best[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = best[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      best[i][j] = std::min({best[i - 1][j] + 1, best[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        best[i][j] = std::min(best[i][j], best[i - 2][j - 2] + 1);
      }
    }
  }
  return best[a.size()][b.size()];
}

}  // namespace

std::string nearest_name(std::string_view unknown, const std::vector<std::string>& known) {
  const std::string wanted = normal(unknown);
  if (wanted.size() < 2 || wanted.size() > kMaxNameBytes) return {};
  std::string nearest;
  // A third of the characters may differ.
  std::size_t least = std::max<std::size_t>(1, wanted.size() / 3) + 1;
  for (const std::string& name : known) {
    if (const std::size_t steps = distance(wanted, name); steps < least) {
      least = steps;
      nearest = name;
    }
  }
  if (!nearest.empty() || wanted.size() < 4) return nearest;
  // Also accepts a part of a name, such as "cert" or "ping-interval".
  const auto part = std::find_if(known.begin(), known.end(),
                                 [&](const std::string& name) { return name.find(wanted) != std::string::npos; });
  return part == known.end() ? std::string() : *part;
}

}  // namespace chatd
