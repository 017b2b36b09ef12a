// Parsing and formatting of addresses and blocks.
#include "model/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

// Last, because it defines a macro named fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}

using namespace chat;

namespace {

void expect_text(std::string_view input, const char* expected) {
  const std::optional<IpAddress> address = IpAddress::parse(input);
  if (!address) fail_msg("refused: %s", std::string(input).c_str());
  assert_string_equal(address->text().c_str(), expected);
}

bool contains(std::string_view block_text, std::string_view address_text) {
  const std::optional<IpBlock> block = IpBlock::parse(block_text);
  const std::optional<IpAddress> address = IpAddress::parse(address_text);
  if (!block) fail_msg("refused: %s", std::string(block_text).c_str());
  if (!address) fail_msg("refused: %s", std::string(address_text).c_str());
  return block->contains(*address);
}

// Addresses

void addresses_have_one_text(void**) {
  expect_text("192.0.2.1", "192.0.2.1");
  expect_text("0.0.0.0", "0.0.0.0");
  expect_text("255.255.255.255", "255.255.255.255");
  expect_text("2001:db8::1", "2001:db8::1");
  expect_text("2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1");
  expect_text("::", "::");
  expect_text("::1", "::1");
}

void ipv4_inside_ipv6_is_ipv4(void**) {
  expect_text("::ffff:192.0.2.1", "192.0.2.1");
  expect_text("::FFFF:c000:0201", "192.0.2.1");
  expect_text("0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1");
  // Similar addresses are not IPv4-mapped.
  expect_text("::fffe:192.0.2.1", "::fffe:c000:201");
  expect_text("64:ff9b::192.0.2.1", "64:ff9b::c000:201");
}

void malformed_addresses_are_refused(void**) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv,
                                      " "sv,
                                      "192.0.2"sv,
                                      "192.0.2.1.5"sv,
                                      "192.0.2.256"sv,
                                      "192.0.2.-1"sv,
                                      "192.0.2.1 "sv,
                                      " 192.0.2.1"sv,
                                      "192.0.2.1:80"sv,
                                      "0x7f.0.0.1"sv,
                                      "2130706433"sv,
                                      "[::1]"sv,
                                      "::1]"sv,
                                      ":::"sv,
                                      "1::2::3"sv,
                                      "12345::"sv,
                                      "::g"sv,
                                      "fe80::1%eth0"sv,
                                      "2001:db8::/32"sv,
                                      "localhost"sv,
                                      "unknown"sv,
                                      "192.0.2.1\0"sv,
                                      "192.0.2.1\0.evil"sv,
                                      "::1\0"sv,
                                      "\0"sv}) {
    if (IpAddress::parse(text)) fail_msg("accepted: %s", std::string(text).c_str());
  }
  assert_false(IpAddress::parse(std::string(100'000, '1')).has_value());
}

void only_what_is_inside_of_the_text_is_read(void**) {
  const std::string text = "192.0.2.111";
  expect_text(std::string_view(text).substr(0, 9), "192.0.2.1");
}

void socket_addresses(void**) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(80);
  assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr), 1);
  assert_string_equal(IpAddress::from(reinterpret_cast<sockaddr*>(&v4))->text().c_str(), "192.0.2.7");

  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  assert_int_equal(inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr), 1);
  assert_string_equal(IpAddress::from(reinterpret_cast<sockaddr*>(&v6))->text().c_str(), "2001:db8::7");
  // The form in which a dual-stack socket reports an IPv4 peer.
  assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr), 1);
  assert_string_equal(IpAddress::from(reinterpret_cast<sockaddr*>(&v6))->text().c_str(), "192.0.2.7");

  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  assert_false(IpAddress::from(reinterpret_cast<sockaddr*>(&local)).has_value());
}

// Blocks

void a_single_address_is_a_block(void**) {
  assert_true(contains("192.0.2.1", "192.0.2.1"));
  assert_true(contains("192.0.2.1", "::ffff:192.0.2.1"));
  assert_true(contains("::ffff:192.0.2.1", "192.0.2.1"));
  assert_false(contains("192.0.2.1", "192.0.2.2"));
  assert_true(contains("2001:db8::1", "2001:db8:0::1"));
  assert_false(contains("2001:db8::1", "2001:db8::2"));
}

void blocks_end_at_every_bit(void**) {
  assert_true(contains("192.0.2.0/24", "192.0.2.0"));
  assert_true(contains("192.0.2.0/24", "192.0.2.255"));
  assert_false(contains("192.0.2.0/24", "192.0.3.0"));
  assert_false(contains("192.0.2.0/24", "192.0.1.255"));
  assert_true(contains("10.0.0.0/9", "10.127.255.255"));
  assert_false(contains("10.0.0.0/9", "10.128.0.0"));
  assert_true(contains("172.16.0.0/12", "172.31.255.255"));
  assert_false(contains("172.16.0.0/12", "172.32.0.0"));
  assert_true(contains("192.0.2.8/31", "192.0.2.9"));
  assert_false(contains("192.0.2.8/31", "192.0.2.10"));
  assert_true(contains("192.0.2.8/32", "192.0.2.8"));
  assert_false(contains("192.0.2.8/32", "192.0.2.9"));
  // Bits after the prefix are ignored.
  assert_true(contains("192.0.2.77/24", "192.0.2.1"));
  assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
  assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
  assert_true(contains("2001:db8::/127", "2001:db8::1"));
  assert_false(contains("2001:db8::/127", "2001:db8::2"));

  for (int bits = 1; bits <= 32; ++bits) {
    const std::string block = "0.0.0.0/" + std::to_string(bits);
    const std::uint32_t outside = std::uint32_t{1} << (32 - bits);
    auto text = [](std::uint32_t address) {
      const in_addr raw{htonl(address)};
      char buffer[INET_ADDRSTRLEN];
      return std::string(inet_ntop(AF_INET, &raw, buffer, sizeof buffer));
    };
    assert_true(contains(block, text(outside - 1)));
    assert_false(contains(block, text(outside)));
  }
}

void families_are_apart(void**) {
  assert_true(contains("0.0.0.0/0", "203.0.113.5"));
  assert_false(contains("0.0.0.0/0", "2001:db8::1"));
  assert_true(contains("::ffff:0:0/96", "203.0.113.5"));
  assert_true(contains("::ffff:192.0.2.0/120", "192.0.2.200"));
  assert_false(contains("::ffff:192.0.2.0/120", "192.0.3.200"));
  assert_false(contains("2000::/3", "192.0.2.1"));
  assert_true(contains("::/0", "2001:db8::1"));
}

void malformed_blocks_are_refused(void**) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv,
                                      "/"sv,
                                      "/8"sv,
                                      "192.0.2.0/"sv,
                                      "192.0.2.0/33"sv,
                                      "192.0.2.0/-1"sv,
                                      "192.0.2.0/-0"sv,
                                      "192.0.2.0/+8"sv,
                                      "192.0.2.0/ 8"sv,
                                      "192.0.2.0/8 "sv,
                                      "192.0.2.0/8/8"sv,
                                      "192.0.2.0/0x8"sv,
                                      "192.0.2.0/8.0"sv,
                                      "192.0.2.0/255.255.255.0"sv,
                                      "192.0.2.0/99999999999999999999"sv,
                                      "2001:db8::/129"sv,
                                      "2001:db8::/"sv,
                                      "192.0.2/24"sv,
                                      "example.org/24"sv,
                                      "*"sv,
                                      "192.0.2.0/8\0"sv,
                                      "192.0.2.0\0/8"sv}) {
    if (IpBlock::parse(text)) fail_msg("accepted: %s", std::string(text).c_str());
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(addresses_have_one_text),
      cmocka_unit_test(ipv4_inside_ipv6_is_ipv4),
      cmocka_unit_test(malformed_addresses_are_refused),
      cmocka_unit_test(only_what_is_inside_of_the_text_is_read),
      cmocka_unit_test(socket_addresses),
      cmocka_unit_test(a_single_address_is_a_block),
      cmocka_unit_test(blocks_end_at_every_bit),
      cmocka_unit_test(families_are_apart),
      cmocka_unit_test(malformed_blocks_are_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
