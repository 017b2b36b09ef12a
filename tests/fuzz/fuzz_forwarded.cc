// Any bytes as addresses, as blocks and as what proxies say. A trusted proxy's word stands whatever the client wrote before
// it, and an address has one way of writing.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz.h"
#include "model/address.h"
#include "net/base/trusted_proxies.h"
#include "net/http/forwarded.h"

using namespace chat;
using namespace chat::fuzz;
using namespace chat::net;

namespace {

constexpr std::array kNames = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "host"};

void check_address(std::string_view text) {
  const Exact exact(text);
  if (const auto address = IpAddress::parse(exact.view())) {
    const auto again = IpAddress::parse(address->text());
    require(again && again->text() == address->text());
    require(IpBlock::parse(address->text())->contains(*address));
    require(IpBlock::parse("::/0")->contains(*address));
  }
  if (const auto forwarded = forwarded_address(exact.view())) {
    require(forwarded->empty() ? text.find("unix:") != std::string_view::npos
                               : IpAddress::parse(*forwarded)->text() == *forwarded);
  }
  TrustedProxies proxies;
  if (const auto block = IpBlock::parse(exact.view())) {
    require(proxies.add(exact.view()));
    const auto base = IpAddress::parse(text.substr(0, text.find('/')));
    require(base && block->contains(*base) && proxies.contains(base->text()));
  } else {
    require(proxies.add(exact.view()) == (text == "unix"));
  }
}

bool same(const ForwardedClient& a, const ForwardedClient& b) {
  return a.address == b.address && a.proto == b.proto && a.host == b.host;
}

// The client's headers come first, then those of the one trusted proxy.
ForwardedClient behind_proxy(const Pairs& clients, const Pairs& proxys, const TrustedProxies& trusted) {
  HttpRequest request;
  request.headers = clients;
  request.headers.insert(request.headers.end(), proxys.begin(), proxys.end());
  return forwarded_client(request, "10.0.0.1", trusted);
}

}  // namespace

// Each piece between two bytes 0x00 is an address, a block and a header's value; its first byte says whose.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Pairs headers;
  for (std::string_view piece; input.piece('\0', piece);) {
    if (piece.empty()) continue;
    check_address(piece.substr(1));
    const auto name = static_cast<unsigned char>(piece.front());
    headers.push_back({kNames[name % kNames.size()], std::string(piece.substr(1))});
  }
  TrustedProxies one;
  require(one.add("10.0.0.1"));
  const Pairs x_forwarded = {
      {"x-forwarded-for", "203.0.113.9"}, {"x-forwarded-proto", "https"}, {"x-forwarded-host", "chat.example"}};
  const ForwardedClient expected = {"203.0.113.9", "https", "chat.example"};
  require(same(behind_proxy(headers, x_forwarded, one), expected));
  Pairs only_forwarded = headers;
  std::erase_if(only_forwarded, [](const Pair& header) { return header.name.starts_with("x-"); });
  require(same(behind_proxy(only_forwarded, {{"forwarded", "for=203.0.113.9;proto=https;host=chat.example"}}, one),
               expected));

  // Nobody is trusted; everybody is.
  HttpRequest request;
  request.headers = headers;
  require(same(forwarded_client(request, "10.0.0.1", {}), {"10.0.0.1", "", ""}));
  require(same(forwarded_client(request, "", one), {"", "", ""}));
  TrustedProxies all;
  for (const char* entry : {"0.0.0.0/0", "::/0", "unix"}) require(all.add(entry));
  const ForwardedClient outermost = forwarded_client(request, "", all);
  require(outermost.address.empty() || IpAddress::parse(outermost.address)->text() == outermost.address);
  return 0;
}
