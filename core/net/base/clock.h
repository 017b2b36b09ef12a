// The clocks of this machine.
#pragma once

#include "hub/moment.h"

namespace chat::net {

Moment current_moment();

}  // namespace chat::net
