// Builds chat_server_options from a dict of keywords with the names of chat.h. Owns everything that the structure
// points to. Use it with the GIL.
#pragma once

#include <pybind11/pybind11.h>

#include <deque>
#include <string>
#include <vector>

#include "chat/chat.h"

namespace pychat {

namespace py = pybind11;

class Options {
 public:
  // Raises TypeError for an unknown name or a value of the wrong type, ValueError for a number out of range.
  explicit Options(const py::dict& keywords);
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  const chat_server_options& get() const { return options_; }

 private:
  void set(const std::string& name, py::handle value);
  const char* keep(py::handle text);
  void set_strings(py::handle values, const char* const*& strings, std::size_t& count);
  void set_endpoints(py::handle values);
  void set_mounts(py::handle values);

  chat_server_options options_ = CHAT_SERVER_OPTIONS_INIT;
  std::deque<std::string> texts_;  // a deque, so that elements never move
  std::deque<std::vector<const char*>> lists_;
  std::vector<chat_endpoint> endpoints_;
  std::vector<chat_static_mount> mounts_;
};

}  // namespace pychat
