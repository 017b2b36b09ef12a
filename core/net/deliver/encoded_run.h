// A run: messages of one room that are delivered together. EncodedRun encodes and frames them once for each form among
// the receivers, when the first receiver needs it. What is only written directly becomes bytes, and no frame. One object
// serves many runs, so that a small run needs no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/message.h"
#include "net/deliver/carrier.h"
#include "net/deliver/frame.h"
#include "net/deliver/member_forms.h"
#include "net/deliver/receiver.h"

namespace chat::net {

class EncodedRun {
 public:
  // Of a new object, or after end(). Both must live until then. The run may grow until whole() or write_of() is called.
  void begin(const std::vector<MessagePtr>& run, const MemberForms& forms) {
    run_ = &run;
    forms_ = &forms;
  }
  // Forgets the run. A little memory is kept for the next one.
  void end() noexcept;

  // All messages in one frame. Empty when the format cannot express any of them. The receiver is any one with this form.
  const FramePtr& whole(MemberForms::Number form, const Receiver& receiver);
  // The bytes of whole() as one write, valid until the next call of whole(); empty when there is no frame.
  std::string_view write_of(MemberForms::Number form, const Receiver& receiver);
  // One message, by its place in the run.
  const FramePtr& single(std::size_t at, MemberForms::Number form, const Receiver& receiver);
  // One message for a receiver that makes its heads itself. nullptr: its format cannot express the message.
  const SharedBody* body(std::size_t at, MemberForms::Number form, const Receiver& receiver);
  // All messages in one frame for such a receiver, which makes its heads anew. Empty when it gets none of them.
  FramePtr own(MemberForms::Number form, Receiver& receiver);

  // So many receivers were written to directly, and are to be counted.
  void count_write(MemberForms::Number form) { ++entries_[form].writes; }
  // Adds them to the counters of their forms, once.
  void count_deliveries();

 private:
  // What has been made for a form.
  struct Entry {
    bool made = false;
    Segments bytes;                     // of all messages, until whole() moves them
    std::size_t size = 0;               // of these bytes
    std::vector<std::size_t> left_out;  // places of messages that the format cannot express
    FramePtr whole;
    std::string gathered;  // the bytes of the write, unless they are those of the only segment
    std::vector<FramePtr> singles;
    std::vector<bool> singles_made;
    std::uint64_t writes = 0;  // not counted yet
    std::size_t messages = 0;  // in each
    DeliveryCounters counters;
  };
  // The bodies of one form, which all its subscriptions share.
  struct Bodies {
    wire::WireForm form;
    const Carrier* carrier;
    bool counts_only;
    std::vector<std::optional<SharedBody>> bodies;
    std::vector<bool> made;
  };

  // With the bytes of all messages.
  Entry& entry(MemberForms::Number form, const Receiver& receiver);
  Entry& place(MemberForms::Number form);
  void make(Entry& made, const MemberForm& form, const Receiver& receiver);
  bool add_to(FrameBuilder& builder, std::size_t at, const MemberForm& form, const Receiver& receiver);
  const SharedBody* body(std::size_t at, const MemberForm& form, const Receiver& receiver);
  std::vector<MessagePtr> messages_of(const Entry& made) const;
  static void gather(Entry& made, const Carrier& carrier);

  const std::vector<MessagePtr>* run_ = nullptr;
  const MemberForms* forms_ = nullptr;
  std::vector<Entry> entries_;
  std::vector<Bodies> bodies_;
  std::size_t bytes_ = 0;  // of the latest entry: the next one is about as large
};

}  // namespace chat::net
