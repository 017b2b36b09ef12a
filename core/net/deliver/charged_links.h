// The links of one loop whose sources are charged with queued bytes. When a limit is reached, the link with the most makes
// way, and not the one that happens to need a little more.
#pragma once

#include <cstddef>
#include <vector>

#include "hub/source_table.h"

namespace chat::net {

class Link;

class ChargedLinks {
 public:
  // Only once until remove(). Throws std::bad_alloc; nothing is added then.
  void add(Link& link);
  // Does nothing for a link that is not there.
  void remove(Link& link) noexcept;
  // The open link with the largest charge, of this source or of all (nullptr). nullptr: there is none.
  Link* fullest(const Source* source) const;

 private:
  std::vector<Link*> links_;
};

}  // namespace chat::net
