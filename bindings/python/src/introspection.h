// The clients, rooms and counters of a server as Python objects. The library's visitors run without the GIL and copy
// the data, which is converted to Python objects afterwards. Call with the GIL. Errors are raised as exceptions.
#pragma once

#include "argument.h"
#include "core.h"

namespace pychat {

py::object client_info(Core& core, chat_client_id client);
py::object find_client(Core& core, const Text& socket_id);
py::list members(Core& core, const OptionalText& room);  // nullopt: every client
py::list rooms(Core& core);
py::list presence(Core& core, const Text& room);
// Wait without the GIL. What a list lacks is no error.
py::object cluster_members(Core& core, const Text& room, std::int64_t timeout_ms);
py::object cluster_rooms(Core& core, std::int64_t timeout_ms);
py::list search(Core& core, const Text& room, const Text& text, std::size_t limit, std::uint64_t before_seq);
py::list history(Core& core, const Text& room, std::uint64_t after_seq, std::size_t limit, std::uint64_t before_seq,
                 std::uint64_t around_seq);
py::object stats(Core& core);
// Waits without the GIL.
py::object read_cluster(const Text& url, const OptionalText& prefix, std::int64_t timeout_ms);
py::object events_lost(std::uint64_t count);

}  // namespace pychat
