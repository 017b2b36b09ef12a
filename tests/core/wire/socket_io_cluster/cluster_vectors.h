// Reads the vectors of a Socket.IO cluster, and describes messages as they do.
#pragma once

#include <cjson/cJSON.h>

#include <memory>
#include <string>
#include <vector>

#include "wire/socket_io_cluster/cluster_message.h"

namespace chat::test {

using JsonTree = std::unique_ptr<cJSON, decltype(&cJSON_Delete)>;

// A file of tests/vectors. Throws std::runtime_error when it is missing or is not JSON.
JsonTree read_vectors(const std::string& name);

// Every field that a test reads must exist: a misspelled one would test nothing. Throws std::runtime_error.
const cJSON* field(const cJSON* object, const char* name);
std::string text(const cJSON* object, const char* name);
std::vector<std::string> attachments_of(const cJSON* object);  // in hexadecimal
std::string print(const cJSON* item);

std::string from_hex(const std::string& hex);
std::string to_hex(std::string_view bytes);

// The message as the field "message" of a vector, printed.
std::string describe(const wire::ClusterMessage& message);

}  // namespace chat::test
