// The forms over a WebSocket.
#pragma once

#include "form.h"

namespace bench {

// nullptr for names that are not forms over a WebSocket.
std::unique_ptr<Form> make_websocket_form(std::string_view name);

// Counts the labels in these bytes, and reports them if the client is a publisher.
std::uint64_t hear_labels(Client& client, std::string_view bytes, LabelSink& sink);

}  // namespace bench
