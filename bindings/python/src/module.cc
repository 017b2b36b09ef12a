// The extension pychat._pychat. The package around it adds the Python interface.
#include <pybind11/pybind11.h>

#include "argument.h"
#include "bind.h"
#include "errors.h"
#include "event_iterator.h"
#include "forks.h"
#include "introspection.h"
#include "message.h"

namespace {

namespace py = pybind11;

void define(py::module_& module) {
  module.attr("version") = chat_version();
  module.attr("library_versions") = chat_library_versions();
  module.def(
      "has_feature", [](const pychat::Text& name) { return chat_has_feature(name.c_str()) != 0; }, py::arg("name"),
      "Whether this build has the named feature; see chat_has_feature in chat.h.");
  module.def(
      "check_room_name",
      [](const py::str& room) {
        const std::string name = pychat::to_utf8(room);
        // chat.h would read a string only up to its first NUL, and no name may contain one.
        if (name.find('\0') != std::string::npos) {
          pychat::raise_error(CHAT_ERROR_INVALID_ROOM, "a room's name must not contain a control character");
        }
        pychat::raise_unless_ok(pychat::Outcome::of(chat_check_room_name(name.c_str())));
      },
      py::arg("room"), "Raises InvalidRoomError unless this is a valid room name.");
  module.def("read_cluster", &pychat::read_cluster, py::arg("url"), py::arg("prefix"), py::arg("timeout_ms"),
             "The state of a cluster; see chat_read_cluster in chat.h.");
  module.def("forks", &pychat::forks, "How many forks lie between the process that imported pychat and this one.");
  pychat::define_errors(module);
  pychat::define_message(module);
  pychat::define_event_iterator(module);
  pychat::define_core(module);

  py::dict kinds;
  kinds["on_connect"] = static_cast<int>(pychat::Kind::on_connect);
  kinds["on_open"] = static_cast<int>(pychat::Kind::on_open);
  kinds["on_join"] = static_cast<int>(pychat::Kind::on_join);
  kinds["on_leave"] = static_cast<int>(pychat::Kind::on_leave);
  kinds["on_disconnect"] = static_cast<int>(pychat::Kind::on_disconnect);
  kinds["on_authorize"] = static_cast<int>(pychat::Kind::on_authorize);
  kinds["on_message"] = static_cast<int>(pychat::Kind::on_message);
  kinds["on_log"] = static_cast<int>(pychat::Kind::on_log);
  kinds["on_ack"] = static_cast<int>(pychat::Kind::on_ack);
  kinds["on_published"] = static_cast<int>(pychat::Kind::on_published);
  kinds["on_presence"] = static_cast<int>(pychat::Kind::on_presence);
  kinds["on_audit"] = static_cast<int>(pychat::Kind::on_audit);
  kinds["on_report"] = static_cast<int>(pychat::Kind::on_report);
  kinds["on_abandon"] = static_cast<int>(pychat::Kind::on_abandon);
  module.attr("kinds") = kinds;
}

}  // namespace

#if PYBIND11_VERSION_HEX >= 0x020D0000
PYBIND11_MODULE(_pychat, module, py::mod_gil_not_used()) { define(module); }
#else
PYBIND11_MODULE(_pychat, module) { define(module); }
#endif
