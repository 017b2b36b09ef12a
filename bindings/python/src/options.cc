// See options.h.
#include "options.h"

#include <unordered_map>
#include <variant>

namespace pychat {
namespace {

using O = chat_server_options;
using Field = std::variant<const char * O::*, int O::*, std::int64_t O::*>;

// The string and number fields. Options::set() handles lists, enumerations and structures.
const std::unordered_map<std::string, Field>& fields() {
  static const std::unordered_map<std::string, Field> table = {
#define PYCHAT_FIELD(name) {#name, &O::name}
      PYCHAT_FIELD(address),
      PYCHAT_FIELD(port),
      PYCHAT_FIELD(unix_path),
      PYCHAT_FIELD(listen_fd),
      PYCHAT_FIELD(threads),
      PYCHAT_FIELD(default_room),
      PYCHAT_FIELD(tls_certificate_file),
      PYCHAT_FIELD(tls_private_key_file),
      PYCHAT_FIELD(max_clients),
      PYCHAT_FIELD(max_clients_per_address),
      PYCHAT_FIELD(max_connections),
      PYCHAT_FIELD(max_message_bytes),
      PYCHAT_FIELD(max_header_bytes),
      PYCHAT_FIELD(inbound_rate),
      PYCHAT_FIELD(inbound_burst),
      PYCHAT_FIELD(max_outbox_bytes),
      PYCHAT_FIELD(max_outbox_messages),
      PYCHAT_FIELD(flush_interval_ms),
      PYCHAT_FIELD(send_buffer_bytes),
      PYCHAT_FIELD(memory_release_ms),
      PYCHAT_FIELD(max_rooms),
      PYCHAT_FIELD(max_rooms_per_client),
      PYCHAT_FIELD(history_messages),
      PYCHAT_FIELD(history_bytes),
      PYCHAT_FIELD(history_age_ms),
      PYCHAT_FIELD(history_total_bytes),
      PYCHAT_FIELD(history_off),
      PYCHAT_FIELD(ping_interval_ms),
      PYCHAT_FIELD(ping_timeout_ms),
      PYCHAT_FIELD(handshake_timeout_ms),
      PYCHAT_FIELD(http_idle_timeout_ms),
      PYCHAT_FIELD(verdict_timeout_ms),
      PYCHAT_FIELD(drain_timeout_ms),
      PYCHAT_FIELD(drain_spread_ms),
      PYCHAT_FIELD(slow_callback_ms),
      PYCHAT_FIELD(permessage_deflate),
      PYCHAT_FIELD(max_http_body_bytes),
      PYCHAT_FIELD(upgrade_timeout_ms),
      PYCHAT_FIELD(connect_timeout_ms),
      PYCHAT_FIELD(recovery_window_ms),
      PYCHAT_FIELD(recovery_bytes),
      PYCHAT_FIELD(recovery_asks_on_connect),
      PYCHAT_FIELD(socket_io_client_directory),
      PYCHAT_FIELD(chat_page_path),
      PYCHAT_FIELD(chat_script_path),
      PYCHAT_FIELD(metrics_path),
      PYCHAT_FIELD(poll_budget_ms),
      PYCHAT_FIELD(max_connections_per_address),
      PYCHAT_FIELD(max_rooms_per_address),
      PYCHAT_FIELD(max_memberships),
      PYCHAT_FIELD(max_memberships_per_address),
      PYCHAT_FIELD(max_queued_bytes),
      PYCHAT_FIELD(max_queued_bytes_per_address),
      PYCHAT_FIELD(sockjs_heartbeat_ms),
      PYCHAT_FIELD(sockjs_disconnect_delay_ms),
      PYCHAT_FIELD(sockjs_response_bytes),
      PYCHAT_FIELD(sockjs_script_url),
      PYCHAT_FIELD(stomp_room_prefix),
      PYCHAT_FIELD(stomp_application_prefix),
      PYCHAT_FIELD(stomp_user_queue_prefix),
      PYCHAT_FIELD(stomp_heart_beat_ms),
      PYCHAT_FIELD(http_identity_ms),
      PYCHAT_FIELD(max_http_identities),
      PYCHAT_FIELD(idempotency_ms),
      PYCHAT_FIELD(http_lists),
      PYCHAT_FIELD(moderation_events),
      PYCHAT_FIELD(unique_names),
      PYCHAT_FIELD(edit_window_ms),
      PYCHAT_FIELD(edits_off),
      PYCHAT_FIELD(socket_io_edit_event),
      PYCHAT_FIELD(socket_io_delete_event),
      PYCHAT_FIELD(socket_io_react_event),
      PYCHAT_FIELD(socket_io_seen_event),
      PYCHAT_FIELD(history_file_bytes),
      PYCHAT_FIELD(presence_grace_ms),
      PYCHAT_FIELD(cluster_ack_replicas),
      PYCHAT_FIELD(socket_io_message_ids),
#undef PYCHAT_FIELD
  };
  return table;
}

template <class Number>
Number number(py::handle value) {
  // pybind11 would also accept other types that convert to a number; a float or str as an integer option is a mistake.
  if (!PyIndex_Check(value.ptr())) throw py::type_error("not an integer: " + py::repr(value).cast<std::string>());
  try {
    return value.cast<Number>();
  } catch (const py::cast_error&) {
    throw py::value_error("out of range: " + py::repr(value).cast<std::string>());
  }
}

}  // namespace

Options::Options(const py::dict& keywords) {
  for (const auto& [name, value] : keywords) {
    if (value.is_none()) continue;
    const std::string text = name.cast<std::string>();
    try {
      set(text, value);
    } catch (const py::type_error& error) {
      throw py::type_error(text + ": " + error.what());
    } catch (const py::value_error& error) {
      throw py::value_error(text + ": " + error.what());
    } catch (py::error_already_set& error) {
      const std::string what = text + ": " + py::str(error.value()).cast<std::string>();
      if (error.matches(PyExc_ValueError)) throw py::value_error(what);
      // Not a list, or an item that is not an Endpoint or StaticMount.
      if (error.matches(PyExc_TypeError) || error.matches(PyExc_AttributeError)) throw py::type_error(what);
      throw;
    }
  }
}

void Options::set(const std::string& name, py::handle value) {
  if (const auto found = fields().find(name); found != fields().end()) {
    std::visit(
        [&](auto member) {
          using Value = std::decay_t<decltype(options_.*member)>;
          if constexpr (std::is_same_v<Value, const char*>) {
            options_.*member = keep(value);
          } else {
            options_.*member = number<Value>(value);
          }
        },
        found->second);
  } else if (name == "log_level") {
    options_.log_level = static_cast<chat_log_level>(number<int>(value));
  } else if (name == "outbox_policy") {
    options_.outbox_policy = static_cast<chat_outbox_policy>(number<int>(value));
  } else if (name == "history") {
    options_.history_path = keep(value);
  } else if (name == "history_sync") {
    options_.history_sync = static_cast<chat_history_sync>(number<int>(value));
  } else if (name == "history_search") {
    options_.history_search = static_cast<chat_history_search>(number<int>(value));
  } else if (name == "cluster_policy") {
    options_.cluster_policy = static_cast<chat_cluster_policy>(number<int>(value));
  } else if (name == "presence") {
    options_.presence = static_cast<chat_presence_level>(number<int>(value));
  } else if (name == "presence_event") {
    options_.presence_event = keep(value);
  } else if (name == "cluster") {
    options_.cluster = keep(value);
  } else if (name == "cluster_prefix") {
    options_.cluster_prefix = keep(value);
  } else if (name == "socket_io_cluster") {
    options_.socket_io_cluster = keep(value);
  } else if (name == "history_on_failure") {
    options_.history_on_failure = static_cast<chat_history_failure>(number<int>(value));
  } else if (name == "allowed_origins") {
    set_strings(value, options_.allowed_origins, options_.allowed_origin_count);
  } else if (name == "trusted_proxies") {
    set_strings(value, options_.trusted_proxies, options_.trusted_proxy_count);
  } else if (name == "allowed_hosts") {
    set_strings(value, options_.allowed_hosts, options_.allowed_host_count);
  } else if (name == "ephemeral_events") {
    set_strings(value, options_.ephemeral_events, options_.ephemeral_event_count);
  } else if (name == "reserved_names") {
    set_strings(value, options_.reserved_names, options_.reserved_name_count);
  } else if (name == "endpoints") {
    set_endpoints(value);
  } else if (name == "static_mounts") {
    set_mounts(value);
  } else {
    throw py::type_error("no such option");
  }
}

const char* Options::keep(py::handle text) {
  // Paths may be os.PathLike and contain bytes that are not UTF-8, which a Python str represents as surrogates.
  PyObject* path = PyOS_FSPath(text.ptr());
  if (path == nullptr) {
    PyErr_Clear();
    throw py::type_error("not a str: " + py::repr(text).cast<std::string>());
  }
  py::object owned = py::reinterpret_steal<py::object>(path);
  if (PyUnicode_Check(path)) {
    owned = py::reinterpret_steal<py::object>(PyUnicode_AsEncodedString(path, "utf-8", "surrogateescape"));
    if (!owned) throw py::error_already_set();
  }
  std::string copy = owned.cast<std::string>();
  if (copy.find('\0') != std::string::npos) throw py::value_error("contains a NUL");
  return texts_.emplace_back(std::move(copy)).c_str();
}

void Options::set_strings(py::handle values, const char* const*& strings, std::size_t& count) {
  if (py::isinstance<py::str>(values)) throw py::type_error("expected a list of str, not a str");
  std::vector<const char*>& list = lists_.emplace_back();
  for (const py::handle value : values) list.push_back(keep(value));
  strings = list.data();
  count = list.size();
}

void Options::set_endpoints(py::handle values) {
  for (const py::handle value : values) {
    chat_endpoint endpoint = CHAT_ENDPOINT_INIT;
    endpoint.path = keep(value.attr("path"));
    endpoint.protocol = static_cast<chat_protocol>(number<int>(value.attr("protocol")));
    endpoint.transports = number<std::uint32_t>(value.attr("transports"));
    endpoint.max_message_bytes = number<std::int64_t>(value.attr("max_message_bytes"));
    endpoint.sockjs = number<std::uint32_t>(value.attr("sockjs"));
    endpoint.sockjs_cookie = py::bool_(value.attr("sockjs_cookie")) ? 1 : 0;
    endpoints_.push_back(endpoint);
  }
  options_.endpoints = endpoints_.data();
  options_.endpoint_count = endpoints_.size();
}

void Options::set_mounts(py::handle values) {
  for (const py::handle value : values) {
    chat_static_mount mount = CHAT_STATIC_MOUNT_INIT;
    mount.path = keep(value.attr("path"));
    mount.directory = keep(value.attr("directory"));
    mounts_.push_back(mount);
  }
  options_.static_mounts = mounts_.data();
  options_.static_mount_count = mounts_.size();
}

}  // namespace pychat
