// The system's clocks. Any thread may call these functions.
#pragma once

#include <cstdint>

#include "hub/moment.h"

namespace chat::net {

// The wall clock in Unix milliseconds.
std::int64_t wall_clock_ms();

// Reads both clocks.
Moment current_moment();

}  // namespace chat::net
