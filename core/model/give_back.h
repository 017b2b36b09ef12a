// Empties a string or a container and frees its memory. `value = {}` would keep the capacity.
#pragma once

namespace chat {

template <typename Container>
void give_back(Container& value) {
  Container().swap(value);
}

}  // namespace chat
