#include "transfer_loop.h"

#include <algorithm>
#include <utility>

namespace pginstall {
namespace {

/// Below the 100 streams that libcurl puts on one HTTP/2 connection, above which pausing one could
/// hold up others.
constexpr std::size_t kMaxActive = 64;
/// How often stalls are looked for and progress is told.
constexpr std::chrono::milliseconds kSupervisionInterval{100};
/// With nothing to watch only a command ends the wait.
constexpr std::chrono::milliseconds kIdleWait = std::chrono::hours(1);

}  // namespace

TransferLoop::TransferLoop(std::function<void()> notify)
    : multi_(curl_multi_init()), notify_(std::move(notify)) {
  if (!multi_) throw std::bad_alloc();
  CheckMulti(curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(kMaxActive)));
  thread_ = std::thread([this] { Run(); });
}

TransferLoop::~TransferLoop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  curl_multi_wakeup(multi_.get());
  thread_.join();
  for (const auto& entry : active_) curl_multi_remove_handle(multi_.get(), entry.second->handle());
}

void TransferLoop::Begin(std::unique_ptr<Transfer> transfer) {
  const Transfer::Id id = transfer->id();
  Send({Command::Kind::kBegin, id, std::move(transfer)});
}

void TransferLoop::Abort(Transfer::Id id) { Send({Command::Kind::kAbort, id, nullptr}); }

void TransferLoop::Acknowledge(Transfer::Id id) {
  Send({Command::Kind::kAcknowledge, id, nullptr});
}

void TransferLoop::Send(Command command) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
    if (commands_.size() > 1) return;  // woken already
  }
  curl_multi_wakeup(multi_.get());
}

std::vector<Event> TransferLoop::TakeEvents() {
  const std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

void TransferLoop::Run() {
  std::vector<Command> commands;
  while (TakeCommands(commands)) {
    for (Command& command : commands) Obey(command);
    try {
      Turn();
    } catch (const std::exception& error) {
      FailAll(error.what());
    }
  }
}

bool TransferLoop::TakeCommands(std::vector<Command>& commands) {
  const std::lock_guard lock(mutex_);
  commands = std::exchange(commands_, {});
  return !stopping_;
}

void TransferLoop::Turn() {
  StartQueued();
  int running = 0;
  CheckMulti(curl_multi_perform(multi_.get(), &running));
  Harvest();
  Supervise();
  Deliver();
  Wait();
}

void TransferLoop::Obey(Command& command) {
  switch (command.kind) {
    case Command::Kind::kBegin:
      queued_.emplace(command.id, std::move(command.transfer));
      break;
    case Command::Kind::kAbort:
      AbortTransfer(command.id);
      break;
    case Command::Kind::kAcknowledge:
      if (const auto found = active_.find(command.id); found != active_.end()) {
        found->second->Acknowledge();
      }
      break;
  }
}

void TransferLoop::AbortTransfer(Transfer::Id id) {
  if (queued_.count(id) + active_.count(id) > 0) {
    Fail(id, Failure("ABORT_ERR", "the transfer was aborted"));
  }
}

void TransferLoop::StartQueued() {
  while (!queued_.empty() && active_.size() < kMaxActive) {
    Start(std::move(queued_.extract(queued_.begin()).mapped()));
  }
}

void TransferLoop::Start(std::unique_ptr<Transfer> transfer) {
  const Transfer::Id id = transfer->id();
  Transfer& started = *active_.emplace(id, std::move(transfer)).first->second;
  try {
    started.Open();
    CheckMulti(curl_multi_add_handle(multi_.get(), started.handle()));
  } catch (const Failure& failure) {
    Fail(id, failure);
  }
}

void TransferLoop::Harvest() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    const CURLcode code = message->data.result;
    void* found = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &found);
    Transfer& transfer = *static_cast<Transfer*>(found);
    CheckMulti(
        curl_multi_remove_handle(multi_.get(), transfer.handle()));  // ends the message's life
    try {
      transfer.Complete(code);
    } catch (const Failure& failure) {
      Fail(transfer.id(), failure);
    }
  }
}

void TransferLoop::Supervise() {
  const auto now = Transfer::Clock::now();
  if (now - supervised_ < kSupervisionInterval) return;
  supervised_ = now;
  for (auto next = active_.begin(); next != active_.end();) {
    Transfer& transfer = *(next++)->second;
    if (transfer.is_complete()) continue;
    if (const auto progress = transfer.TakeProgress()) Report(transfer.id(), *progress);
    if (transfer.HasStalled(now)) {
      Fail(transfer.id(),
           Failure("PGI_STALLED", "less than a byte a second came or went for too long"));
    }
  }
}

void TransferLoop::Deliver() {
  for (auto next = active_.begin(); next != active_.end();) {
    Transfer& transfer = *(next++)->second;
    if (transfer.is_over()) {
      Conclude(transfer);
    } else {
      Advance(transfer);
    }
  }
}

void TransferLoop::Advance(Transfer& transfer) {
  auto chunk = transfer.TakeChunk();
  const bool has_room = chunk.has_value();
  if (chunk) Report(transfer.id(), std::move(*chunk));
  if (!has_room && Transfer::Clock::now() < transfer.resume_at()) return;
  try {
    transfer.Resume();
  } catch (const Failure& failure) {
    Fail(transfer.id(), failure);
  }
}

void TransferLoop::Conclude(Transfer& transfer) {
  const Transfer::Id id = transfer.id();
  if (const auto progress = transfer.TakeProgress()) Report(id, *progress);
  Report(id, transfer.TakeResponse());
  active_.erase(id);
}

void TransferLoop::Fail(Transfer::Id id, Failure failure) {
  if (const auto found = active_.find(id); found != active_.end()) {
    curl_multi_remove_handle(multi_.get(), found->second->handle());
    active_.erase(found);  // closes the files before the caller hears of it
  }
  queued_.erase(id);
  Report(id, std::move(failure));
}

void TransferLoop::FailAll(const std::string& words) {
  while (!active_.empty()) Fail(active_.begin()->first, FailureOf(CURLE_FAILED_INIT, words));
}

void TransferLoop::Report(Transfer::Id id, decltype(Event::what) what) {
  {
    const std::lock_guard lock(mutex_);
    events_.push_back({id, std::move(what)});
    if (events_.size() > 1) return;  // notified already
  }
  notify_();
}

void TransferLoop::Wait() {
  const auto now = Transfer::Clock::now();
  auto until = now + (active_.empty() ? kIdleWait : kSupervisionInterval);
  if (!queued_.empty() && active_.size() < kMaxActive) until = now;
  for (const auto& entry : active_) until = std::min(until, entry.second->resume_at());
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(std::max(until, now) - now);
  CheckMulti(curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(timeout.count()), nullptr));
}

}  // namespace pginstall
