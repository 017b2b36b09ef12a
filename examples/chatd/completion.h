// Generates completion scripts for shells from the list of options.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace chatd {

enum class Shell { none = 0, bash = 1, zsh = 2, fish = 3 };

// Completes values by the type name of an option: FILE or PATH, DIR, alternatives such as "off" and "json" between
// bars, or nothing.
std::string completion_script(Shell shell, const CLI::App& app);

}  // namespace chatd
