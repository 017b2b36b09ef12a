// One STOMP client: its bytes in, actions out. Reads frames, keeps versions, subscriptions, acknowledgements, transactions,
// receipts and heart-beats, and ends the connection over what the specification calls an error. Does no I/O and reads no clock.
// Every function appends to `out`; all are for one thread at a time.
//
// Rooms and rules are for the layer above: it answers each Subscribe, Publish and Disconnect by done() or refused(). MESSAGE
// frames are its own to write, of a head from here and a tail from wire::stomp_message_tail().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "session/stomp_action.h"
#include "session/stomp_heart_beat.h"
#include "session/stomp_requests.h"
#include "session/stomp_subscriptions.h"
#include "session/stomp_transactions.h"
#include "wire/stomp/stomp_destination.h"
#include "wire/stomp/stomp_negotiation.h"
#include "wire/stomp/stomp_parser.h"

namespace chat::session {

struct StompOptions {
  wire::StompPrefixes prefixes;
  wire::StompLimits limits;
  StompTransactionLimits transactions;
  wire::StompHeartBeat heart_beat{10'000, 10'000};  // what the server offers and wants; 0: none
  std::int64_t connect_timeout_ms = 10'000;         // for the CONNECT frame
  std::size_t max_subscriptions = 256;
  std::size_t max_unacknowledged = 1'000;     // messages of all subscriptions; older ones count as acknowledged
  std::size_t max_id_bytes = 256;             // of subscriptions and transactions
  std::size_t max_requests = 1'000;           // that wait for done() or refused()
  std::size_t max_waiting_bytes = 2'000'000;  // that wait for take_frame()
  std::string server = "libchat";             // name ["/" version] *(comment)
};

class StompSession {
 public:
  // Keeps a reference to the options, which must outlive it.
  StompSession(const StompOptions& options, std::int64_t now_ms);

  bool is_connected() const { return state_ == State::connected; }
  bool closed() const { return state_ == State::closed; }
  // 1.0 before it is negotiated.
  wire::StompVersion version() const { return version_; }

  // Bytes from the client, cut anywhere. They wait for take_frame().
  void receive(std::string_view bytes, std::int64_t now_ms, StompActions& out);
  // Whether take_frame() has something to read. Not while a CONNECT frame waits for its answer.
  bool has_input() const;
  std::size_t waiting_bytes() const { return input_.size() - input_at_; }
  // Reads up to the end of one frame. To be called when the layer above has acted on the one before. True: it was a whole frame.
  bool take_frame(std::int64_t now_ms, StompActions& out);
  // The memory of everything that the client has sent or left here: bytes, subscriptions, transactions, requests. About.
  std::size_t held_bytes() const;

  // The answer to Connect. session_id: without line ends.
  void accept(std::string_view session_id, std::int64_t now_ms, StompActions& out);
  void reject(std::string_view message, std::string_view details, StompActions& out);

  // A request has been carried out.
  void done(stomp::Ref ref, std::int64_t now_ms, StompActions& out);
  // done() sends something: the client wants a receipt, for the request or for the commit that it is a part of.
  bool tells_success(stomp::Ref ref) const { return requests_.tells_success(ref); }
  // A Publish, Refuse or Subscribe has not. A refused message is told on the client's error queue, if it has subscribed to that; a
  // refused
  // subscription ends the connection. error: a name for programs.
  void refused(stomp::Ref ref, std::string_view error, std::string_view reason, std::int64_t now_ms, StompActions& out);

  // A message of the server itself for the subscriptions to the error queue: a JSON object. Dropped when there is none.
  void tell(std::string_view json, std::int64_t now_ms, StompActions& out);
  // A refused message can be reported to the client.
  bool has_error_queue() const;
  // Requests that wait for done() or refused().
  std::size_t requests() const { return requests_.size(); }

  // Begins a MESSAGE frame for a subscription. Empty when the subscription has ended.
  std::string message_head(stomp::Subscription subscription, std::string_view message_id);
  // Something was written to the client.
  void wrote(std::int64_t now_ms);
  // The client may have sent something that was not read yet.
  void heard(std::int64_t now_ms) { heart_beats_.heard(now_ms); }

  // Ends the connection by an ERROR frame.
  void close(std::string_view message, std::string_view details, StompActions& out);
  // The connection is gone.
  void lost();

  // When tick() is next worth calling; -1: never.
  std::int64_t deadline_ms() const;
  void tick(std::int64_t now_ms, StompActions& out);

 private:
  enum class State : std::uint8_t {
    waiting,     // for CONNECT
    connecting,  // for the answer to it
    connected,
    disconnecting,
    closed,
  };
  static constexpr std::int64_t kNever = -1;

  void handle(wire::StompFrame& frame, std::int64_t now_ms, StompActions& out);
  void connect(const wire::StompFrame& frame, StompActions& out);
  void subscribe(const wire::StompFrame& frame, StompActions& out);
  void unsubscribe(const wire::StompFrame& frame, std::int64_t now_ms, StompActions& out);
  void send(wire::StompFrame& frame, std::int64_t now_ms, StompActions& out);
  void acknowledge(const wire::StompFrame& frame, std::int64_t now_ms, StompActions& out);
  void begin(const wire::StompFrame& frame, std::int64_t now_ms, StompActions& out);
  void commit(const wire::StompFrame& frame, std::int64_t now_ms, StompActions& out);
  void abort(const wire::StompFrame& frame, std::int64_t now_ms, StompActions& out);
  void disconnect(const wire::StompFrame& frame, StompActions& out);

  // The message that an ACK or NACK frame is about. nullopt: the frame is wrong, and has ended the connection.
  std::optional<StompSubscriptions::Mark> find_mark(const wire::StompFrame& frame, StompActions& out);
  void apply(const StompTransactions::Ack& ack, StompActions& out);
  void publish(stomp::Publish publish, StompRequests::Request request, StompActions& out);
  // nullptr: the header is missing, which has ended the connection.
  const std::string* require(const wire::StompFrame& frame, std::string_view header, StompActions& out);
  // The identifier of the transaction of BEGIN, COMMIT or ABORT. nullptr: it is missing or too long, which has ended the connection.
  const std::string* require_transaction(const wire::StompFrame& frame, StompActions& out);
  // nullopt: too many requests wait, which has ended the connection.
  std::optional<stomp::Ref> add_request(StompRequests::Request request, const wire::StompFrame* frame,
                                        StompActions& out);
  void finish_part(stomp::Ref commit, bool refused, std::int64_t now_ms, StompActions& out);
  void tell_refused(const StompRequests::Request& request, std::string_view error, std::string_view reason,
                    std::int64_t now_ms, StompActions& out);
  // Sends the message to each subscription to the error queue.
  void send_to_error_queue(Pairs headers, std::string_view json, std::int64_t now_ms, StompActions& out);
  void receipt(const std::optional<std::string>& id, std::int64_t now_ms, StompActions& out);
  void send_bytes(std::string bytes, std::int64_t now_ms, StompActions& out);
  // Ends the connection by an ERROR frame. frame: which it is about, or nullptr.
  void fail(std::string_view message, const wire::StompFrame* frame, StompActions& out);
  void fail(std::string_view message, const std::optional<std::string>& receipt, StompActions& out,
            std::string_view details = {}, std::optional<Refusal> refusal = Refusal::malformed);
  void send_error(Pairs headers, std::string_view body, std::optional<Refusal> refusal, StompActions& out);
  void clear();

  const StompOptions& options_;
  State state_ = State::waiting;
  wire::StompVersion version_ = wire::StompVersion::v1_0;
  wire::StompParser parser_;
  std::string input_;
  std::size_t input_at_ = 0;  // what is before it has been read

  StompSubscriptions subscriptions_;
  StompTransactions transactions_;
  StompRequests requests_;
  std::uint64_t refusals_ = 0;  // for the ids of the messages about them

  StompHeartBeatTimer heart_beats_;
  std::int64_t connect_due_ms_;
};

}  // namespace chat::session
