// See python_names.h.
#include "python_names.h"

#include <atomic>

namespace pychat {
namespace {

PythonNames* load() {
  const py::module_ client = py::module_::import("pychat._client");
  const py::module_ events = py::module_::import("pychat._events");
  const py::module_ snapshots = py::module_::import("pychat._snapshots");
  const py::module_ enums = py::module_::import("pychat._enums");
  const py::module_ values = py::module_::import("pychat._values");
  const py::module_ verdicts = py::module_::import("pychat._verdicts");
  const py::module_ process = py::module_::import("pychat._process");
  const py::module_ report = py::module_::import("pychat._log");
  return new PythonNames{
      client.attr("Client"),
      events.attr("ConnectRequest"),
      events.attr("AuthorizeRequest"),
      events.attr("Opened"),
      events.attr("Joined"),
      events.attr("Left"),
      events.attr("Disconnected"),
      events.attr("Abandoned"),
      events.attr("Ack"),
      events.attr("Published"),
      events.attr("Presence"),
      events.attr("Audit"),
      events.attr("Reported"),
      events.attr("EventsLost"),
      events.attr("LogLine"),
      client.attr("ClientInfo"),
      snapshots.attr("Room"),
      snapshots.attr("Person"),
      snapshots.attr("Stats"),
      snapshots.attr("ClusterServer"),
      snapshots.attr("ClusterStatus"),
      snapshots.attr("ClusterMember"),
      snapshots.attr("ClusterMembers"),
      snapshots.attr("ClusterRooms"),
      enums.attr("Role"),
      enums.attr("Protocol"),
      enums.attr("Transport"),
      enums.attr("Action"),
      enums.attr("ModerationAction"),
      enums.attr("Payload"),
      enums.attr("LogLevel"),
      values.attr("encode"),
      values.attr("decode"),
      verdicts.attr("read_connect"),
      verdicts.attr("read_authorize"),
      verdicts.attr("read_message"),
      report.attr("report"),
      verdicts.attr("Refuse"),
      events.attr("restore_message"),
      process.attr("end_child"),
  };
}

}  // namespace

const PythonNames& python_names() {
  // Never freed, because Python may have ended when static objects are destroyed. When two threads create it at the
  // same time, one copy is leaked.
  static std::atomic<PythonNames*> names = nullptr;
  if (names.load() == nullptr) names.store(load());
  return *names.load();
}

}  // namespace pychat
