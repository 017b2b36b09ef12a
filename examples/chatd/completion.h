// Completion scripts for shells, made from the list of options.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace chatd {

enum class Shell { none = 0, bash = 1, zsh = 2, fish = 3 };

// By the type name of an option: a FILE or PATH, a DIR, words such as "off" and "json" between bars, or nothing to complete.
std::string completion_script(Shell shell, const CLI::App& app);

}  // namespace chatd
