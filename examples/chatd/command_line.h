// Describes chatd's options to CLI11: their names, help texts and valid values. Rules that combine options are in
// options.cc.
#pragma once

#include <string_view>

#include "options.h"

namespace chatd {

// Sets only the options given on the command line or in the file of --config.
Parsed parse_command_line(int argc, char** argv, Options& options);

// Returns the chat_protocol with this name, or 0.
int protocol_of(std::string_view name);

}  // namespace chatd
