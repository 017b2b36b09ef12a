#include "form.h"

#include "http_form.h"
#include "websocket_form.h"

namespace bench {

std::unique_ptr<Form> make_form(std::string_view name) {
  if (auto form = make_websocket_form(name)) return form;
  return make_http_form(name);
}

std::string room_name(const Client& client) { return "room" + std::to_string(client.room_name); }

std::string socket_io_namespace(const Client& client) {
  return client.room_name == 0 ? std::string() : "/" + room_name(client) + ",";
}

}  // namespace bench
