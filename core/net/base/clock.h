// The system's clocks.
#pragma once

#include <cstdint>

#include "hub/moment.h"

namespace chat::net {

// Time of day, Unix milliseconds.
std::int64_t wall_clock_ms();

Moment current_moment();

}  // namespace chat::net
