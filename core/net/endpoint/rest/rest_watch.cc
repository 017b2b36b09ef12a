// See rest_watch.h.
#include "net/endpoint/rest/rest_watch.h"

#include <utility>

#include "net/endpoint/rest/event_stream_carrier.h"
#include "wire/rest/rest_codec.h"

namespace chat::net {
namespace {

const wire::RestCodec& silent_codec() {
  static const wire::RestCodec codec;
  return codec;
}

}  // namespace

RestWatch::RestWatch(PeerContext& loop, const ClientPtr& client, std::string room, std::function<void()> wake)
    : Receiver(client->id(), silent_codec()),
      loop_(loop),
      client_(client),
      room_(std::move(room)),
      wake_(std::move(wake)) {}

RestWatch::~RestWatch() {
  loop_.fanout().forget(*this);
  if (watching_) loop_.hub().unwatch(room_, loop_.index());
}

Status RestWatch::begin() {
  Status status = loop_.hub().watch(room_, loop_.index(), client_->source());
  if (!status.ok()) return status;
  watching_ = true;
  loop_.fanout().add(*this, room_);
  return status;
}

const Carrier& RestWatch::carrier() const { return event_stream_carrier(); }

const wire::Codec& RestWatch::codec() const { return silent_codec(); }

}  // namespace chat::net
