// The names of chatd's options, their help and what a value of each may be, as CLI11 is told of them. What the values mean
// together is not known here.
#pragma once

#include <string_view>

#include "options.h"

namespace chatd {

// Sets what was given, on the command line or in the file of --config, and nothing else.
Parsed parse_command_line(int argc, char** argv, Options& options);

// The number of a chat_protocol; 0 for a name that is none.
int protocol_of(std::string_view name);

}  // namespace chatd
