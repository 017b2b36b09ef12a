// See charged_links.h.
#include "net/deliver/charged_links.h"

#include "net/deliver/link.h"

namespace chat::net {

void ChargedLinks::add(Link& link) {
  links_.push_back(&link);
  link.charged_index_ = static_cast<std::uint32_t>(links_.size() - 1);
}

void ChargedLinks::remove(Link& link) noexcept {
  const std::uint32_t index = link.charged_index_;
  if (index >= links_.size() || links_[index] != &link) return;
  links_[index] = links_.back();
  links_[index]->charged_index_ = index;
  links_.pop_back();
}

Link* ChargedLinks::fullest(const Source* source) const {
  Link* fullest = nullptr;
  for (Link* const link : links_) {
    if (link->closing() || (source != nullptr && link->queued_.source().get() != source)) continue;
    if (fullest == nullptr || link->queued_.amount() > fullest->queued_.amount()) fullest = link;
  }
  return fullest;
}

}  // namespace chat::net
