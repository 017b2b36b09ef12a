// The classes and functions of the package's Python half that the extension uses. They are looked up once and kept
// until the process ends.
// the process.
#pragma once

#include <pybind11/pybind11.h>

namespace pychat {

namespace py = pybind11;

struct PythonNames {
  py::object client;
  py::object connect_request, authorize_request, opened, joined, left, disconnected, abandoned, ack, published,
      presence, audit, reported, events_lost, log_line;
  py::object client_info, room, person, stats, cluster_server, cluster_status;
  py::object cluster_member, cluster_members, cluster_rooms, role;
  py::object protocol, transport, action, moderation_action, payload, log_level;
  py::object encode, decode;                              // arguments to JSON with attachments, and back
  py::object read_connect, read_authorize, read_message;  // read a callback's result
  py::object report;                                      // logs an exception of a callback
  py::object refuse;                                      // the class Refuse
  py::object restore_message;                             // called by pickle
  py::object end_child;                                   // ends a child that was forked in a callback
};

// Call with the GIL.
const PythonNames& python_names();

}  // namespace pychat
