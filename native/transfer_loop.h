// Runs transfers on a thread of its own, so that neither libcurl nor a slow disk ever holds up
// JavaScript.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "curl_handle.h"
#include "transfer.h"

namespace pginstall {

/// What became of a transfer; the last event with its id is its Response or its Failure.
struct Event {
  Transfer::Id id;
  std::variant<Progress, std::string, Response, Failure> what;
};

class TransferLoop {
 public:
  /// `notify` is called on the loop's thread when there are events again after there were none.
  explicit TransferLoop(std::function<void()> notify);
  /// Ends every transfer, silently, and the thread.
  ~TransferLoop();
  TransferLoop(const TransferLoop&) = delete;
  TransferLoop& operator=(const TransferLoop&) = delete;

  // These may be called on any thread; an id that is over already is not an error.
  void Begin(std::unique_ptr<Transfer> transfer);
  void Abort(Transfer::Id id);
  void Acknowledge(Transfer::Id id);
  std::vector<Event> TakeEvents();

 private:
  struct Command {
    enum class Kind { kBegin, kAbort, kAcknowledge } kind;
    Transfer::Id id;
    std::unique_ptr<Transfer> transfer;
  };
  // Ordered by id, which is the order of asking: the first in the queue is the oldest.
  using Transfers = std::map<Transfer::Id, std::unique_ptr<Transfer>>;

  void Send(Command command);
  void Run();
  void Turn();
  bool TakeCommands(std::vector<Command>& commands);
  void Obey(Command& command);
  void StartQueued();
  void Start(std::unique_ptr<Transfer> transfer);
  void Harvest();
  void Supervise();
  void Deliver();
  void Wait();
  void AbortTransfer(Transfer::Id id);
  void Advance(Transfer& transfer);
  void Report(Transfer::Id id, decltype(Event::what) what);
  void Conclude(Transfer& transfer);
  void Fail(Transfer::Id id, Failure failure);
  void FailAll(const std::string& words);

  MultiHandle multi_;
  const std::function<void()> notify_;
  // The loop's thread alone:
  Transfers queued_;
  Transfers active_;
  Transfer::Clock::time_point supervised_;
  // Either side, under the mutex:
  std::mutex mutex_;
  std::vector<Command> commands_;
  std::vector<Event> events_;
  bool stopping_ = false;

  std::thread thread_;  // last: it starts when all of the above is there
};

}  // namespace pginstall
