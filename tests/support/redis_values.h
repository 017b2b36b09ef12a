// Answers of Redis, as tests write them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "redis/redis_value.h"

namespace chat::test {

inline redis::Value text(std::string content) {
  redis::Value value;
  value.kind = redis::Value::Kind::text;
  value.text = std::move(content);
  return value;
}

inline redis::Value error(std::string content) {
  redis::Value value = text(std::move(content));
  value.kind = redis::Value::Kind::error;
  return value;
}

inline redis::Value integer(std::int64_t number) {
  redis::Value value;
  value.kind = redis::Value::Kind::integer;
  value.integer = number;
  return value;
}

inline redis::Value list(std::vector<redis::Value> items) {
  redis::Value value;
  value.kind = redis::Value::Kind::array;
  value.items = std::move(items);
  return value;
}

inline redis::Value texts(const std::vector<std::string>& contents) {
  std::vector<redis::Value> items;
  for (const std::string& content : contents) items.push_back(text(content));
  return list(std::move(items));
}

}  // namespace chat::test
