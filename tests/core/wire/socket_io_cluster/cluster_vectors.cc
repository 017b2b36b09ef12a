// See cluster_vectors.h.
#include "core/wire/socket_io_cluster/cluster_vectors.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace chat::test {
namespace {

using namespace wire;

class Description {
 public:
  explicit Description(const ClusterMessage& message) : message_(message) { std::visit(*this, message.body); }

  std::string text() const { return print(object_.get()); }

  void operator()(const ClusterBroadcast& body) {
    begin("broadcast"), add(body.event), add(body.target), end(body.request_id);
  }
  void operator()(const ClusterJoin& body) { move("join", body); }
  void operator()(const ClusterLeave& body) { move("leave", body); }
  void operator()(const ClusterDisconnect& body) {
    begin("disconnect"), add(body.target);
    cJSON_AddBoolToObject(object_.get(), "close", body.close);
    end(body.request_id);
  }
  void operator()(const ClusterFetch& body) { begin("fetch"), add(body.target), end(body.request_id); }
  void operator()(const ClusterServerEvent& body) { begin("server event"), add(body.event), end(body.request_id); }
  void operator()(const ClusterListIds& body) { begin("list ids"), add("names", body.rooms), end(body.request_id); }
  void operator()(const ClusterListRooms& body) { begin("list rooms"), end(body.request_id); }
  void operator()(const ClusterSockets& body) {
    begin("sockets");
    cJSON* const sockets = cJSON_AddArrayToObject(object_.get(), "sockets");
    for (const ClusterSocket& socket : body.sockets) {
      cJSON* const item = cJSON_CreateObject();
      cJSON_AddStringToObject(item, "id", socket.id.c_str());
      cJSON_AddStringToObject(item, "handshake", socket.handshake.c_str());
      cJSON_AddItemToObject(item, "rooms", list(socket.rooms));
      cJSON_AddStringToObject(item, "data", socket.data.c_str());
      cJSON_AddItemToArray(sockets, item);
    }
    add_attachments(body.attachments);
    end(body.request_id);
  }
  void operator()(const ClusterIds& body) { begin("ids"), add("ids", body.ids), end(body.request_id); }
  void operator()(const ClusterRooms& body) { begin("rooms"), add("names", body.rooms), end(body.request_id); }
  void operator()(const ClusterServerAnswer& body) { begin("server answer"), add(body.args), end(body.request_id); }
  void operator()(const ClusterClientCount& body) {
    begin("client count");
    cJSON_AddNumberToObject(object_.get(), "count", static_cast<double>(body.count));
    end(body.request_id);
  }
  void operator()(const ClusterAck& body) { begin("ack"), add(body.args), end(body.request_id); }
  void operator()(const ClusterDone& body) { begin("done"), end(body.request_id); }
  void operator()(const ClusterHeartbeat& body) { begin(body.first ? "first heartbeat" : "heartbeat"); }
  void operator()(const ClusterGoodbye&) { begin("goodbye"); }

 private:
  void begin(const char* kind) {
    add("kind", kind);
    add("uid", message_.uid);
    add("nsp", message_.nsp);
  }
  void end(const std::string& request_id) { add("request_id", request_id); }

  void add(const char* name, const std::string& text) { cJSON_AddStringToObject(object_.get(), name, text.c_str()); }
  void add(const char* name, const std::vector<std::string>& names) {
    cJSON_AddItemToObject(object_.get(), name, list(names));
  }
  void add(const ClusterEvent& event) {
    add("event", event.name);
    add(event.args);
  }
  void add(const PlacedJson& args) {
    add("args", args.json);
    add_attachments(args.attachments);
  }
  void add(const ClusterTarget& target) {
    add("rooms", target.rooms);
    add("except", target.except);
    cJSON_AddBoolToObject(object_.get(), "volatile", target.is_volatile);
    cJSON_AddNumberToObject(object_.get(), "timeout_ms", static_cast<double>(target.timeout_ms));
  }
  void add_attachments(const std::vector<std::string>& attachments) {
    std::vector<std::string> hex;
    hex.reserve(attachments.size());
    for (const std::string& attachment : attachments) hex.push_back(to_hex(attachment));
    add("attachments", hex);
  }

  template <class Body>
  void move(const char* kind, const Body& body) {
    begin(kind), add(body.target), add("names", body.rooms), end(body.request_id);
  }

  static cJSON* list(const std::vector<std::string>& names) {
    cJSON* const items = cJSON_CreateArray();
    for (const std::string& name : names) cJSON_AddItemToArray(items, cJSON_CreateString(name.c_str()));
    return items;
  }

  const ClusterMessage& message_;
  JsonTree object_{cJSON_CreateObject(), &cJSON_Delete};
};

}  // namespace

JsonTree read_vectors(const std::string& name) {
  // ctest sets the variable. A program that is run by hand is run at the top of the source tree.
  const char* const source_dir = std::getenv("CHAT_SOURCE_DIR");
  const std::string path = std::string(source_dir == nullptr ? "." : source_dir) + "/tests/vectors/" + name;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  JsonTree tree(cJSON_ParseWithLength(text.data(), text.size()), &cJSON_Delete);
  if (!tree) throw std::runtime_error(path + " is not JSON");
  return tree;
}

const cJSON* field(const cJSON* object, const char* name) {
  const cJSON* const item = cJSON_GetObjectItemCaseSensitive(object, name);
  if (item == nullptr) throw std::runtime_error(std::string("no field ") + name + " in " + print(object));
  return item;
}

std::string text(const cJSON* object, const char* name) {
  const cJSON* const item = field(object, name);
  if (!cJSON_IsString(item)) throw std::runtime_error(std::string(name) + " is not a string");
  return item->valuestring;
}

std::vector<std::string> attachments_of(const cJSON* object) {
  std::vector<std::string> attachments;
  const cJSON* item = nullptr;
  cJSON_ArrayForEach(item, field(object, "attachments")) attachments.push_back(from_hex(item->valuestring));
  return attachments;
}

std::string print(const cJSON* item) {
  const std::unique_ptr<char, decltype(&cJSON_free)> text(cJSON_PrintUnformatted(item), &cJSON_free);
  return text ? text.get() : "";
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string to_hex(std::string_view bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string hex;
  for (const char byte : bytes) {
    hex += kDigits[static_cast<unsigned char>(byte) >> 4];
    hex += kDigits[static_cast<unsigned char>(byte) & 0xF];
  }
  return hex;
}

std::string describe(const ClusterMessage& message) { return Description(message).text(); }

}  // namespace chat::test
