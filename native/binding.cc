// The one file that talks to JavaScript: options in, events out. index.ts is the only caller.
#include <napi.h>

#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "notify.h"
#include "peer_credentials.h"
#include "transfer_loop.h"

namespace pginstall {
namespace {

void DispatchEvents(Napi::Env env, Napi::Function listener, class Environment* environment, void*);
using Notifier = Napi::TypedThreadSafeFunction<class Environment, void, &DispatchEvents>;

/// One for the main thread, one for each worker: a loop, and the way back to the listener.
class Environment {
 public:
  Environment(Napi::Env env, const Napi::Function& listener)
      : notifier_(Notifier::New(env, listener, "pginstall transfers", 0, 1, this)),
        loop_(std::make_unique<TransferLoop>([this] { notifier_.NonBlockingCall(); })) {
    notifier_.Unref(env);
  }

  /// The thread must be gone before the function that it calls is.
  void Stop() {
    loop_.reset();
    notifier_.Abort();
  }

  Transfer::Id Begin(Napi::Env env, TransferOptions options) {
    auto transfer = std::make_unique<Transfer>(next_id_, std::move(options));
    if (live_++ == 0)
      notifier_.Ref(env);  // a process must not end under a transfer, nor stay for want of one
    loop_->Begin(std::move(transfer));
    return next_id_++;
  }

  void HasEnded(Napi::Env env) {
    if (--live_ == 0) notifier_.Unref(env);
  }

  TransferLoop& loop() { return *loop_; }

 private:
  Notifier notifier_;
  std::unique_ptr<TransferLoop> loop_;
  Transfer::Id next_id_ = 1;
  std::size_t live_ = 0;
};

/// Reads the flat object that index.ts makes; absent and undefined are the same.
class Options {
 public:
  explicit Options(const Napi::Value& value) : object_(value.As<Napi::Object>()) {}

  std::string String(const char* name) const { return Get(name).As<Napi::String>().Utf8Value(); }

  std::optional<std::string> OptionalString(const char* name) const {
    return Has(name) ? std::optional(String(name)) : std::nullopt;
  }

  std::optional<std::string> OptionalBytes(const char* name) const {
    if (!Has(name)) return std::nullopt;
    const auto bytes = Get(name).As<Napi::Uint8Array>();
    return std::string(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
  }

  std::uint64_t Count(const char* name) const {
    return static_cast<std::uint64_t>(Get(name).As<Napi::Number>().Int64Value());
  }

  std::optional<std::uint64_t> OptionalCount(const char* name) const {
    return Has(name) ? std::optional(Count(name)) : std::nullopt;
  }

  std::chrono::milliseconds Milliseconds(const char* name) const {
    return std::chrono::milliseconds(Count(name));
  }

  bool Flag(const char* name) const { return Get(name).As<Napi::Boolean>().Value(); }

  Headers HeaderPairs(const char* name) const {
    const auto flat = Get(name).As<Napi::Array>();
    Headers headers;
    for (std::uint32_t at = 0; at + 1 < flat.Length(); at += 2) {
      headers.emplace_back(flat.Get(at).As<Napi::String>().Utf8Value(),
                           flat.Get(at + 1).As<Napi::String>().Utf8Value());
    }
    return headers;
  }

 private:
  Napi::Value Get(const char* name) const { return object_.Get(name); }
  bool Has(const char* name) const { return !Get(name).IsUndefined(); }

  Napi::Object object_;
};

TransferOptions ReadOptions(const Options& from) {
  TransferOptions options;
  options.url = from.String("url");
  options.method = from.String("method");
  options.headers = from.HeaderPairs("headers");
  options.body = from.OptionalBytes("body");
  options.body_file = from.OptionalString("bodyFile");
  options.unix_socket = from.OptionalString("unixSocket");
  options.proxy = from.OptionalString("proxy");
  options.ca_file = from.OptionalString("caFile");
  options.resume_from = from.Count("resumeFrom");
  options.max_bytes = from.Count("maxBytes");
  options.max_bytes_per_second = from.OptionalCount("maxBytesPerSecond");
  options.connect_timeout = from.Milliseconds("connectTimeoutMs");
  options.stall_timeout = from.Milliseconds("stallTimeoutMs");
  if (from.OptionalCount("totalTimeoutMs"))
    options.total_timeout = from.Milliseconds("totalTimeoutMs");
  options.max_redirects = from.Count("maxRedirects");
  options.wants_progress = from.Flag("wantsProgress");
  if (const auto file = from.OptionalString("sinkFile")) {
    options.sink = TransferOptions::Sink::kFile;
    options.sink_file = *file;
  } else if (from.Flag("wantsChunks")) {
    options.sink = TransferOptions::Sink::kChunks;
  }
  return options;
}

Napi::Object ToObject(Napi::Env env, const Failure& failure) {
  const auto number_or_null = [&](const std::optional<int>& number) -> Napi::Value {
    return number ? Napi::Number::New(env, *number) : env.Null();
  };
  auto object = Napi::Object::New(env);
  object.Set("code", failure.code);
  object.Set("message", failure.message);
  object.Set("curlCode", number_or_null(failure.curl_code));
  object.Set("osErrno", number_or_null(failure.os_errno));
  return object;
}

Napi::Object ToObject(Napi::Env env, const Response& response) {
  auto headers = Napi::Array::New(env, response.headers.size() * 2);
  std::uint32_t at = 0;
  for (const auto& [name, value] : response.headers) {
    headers.Set(at++, name);
    headers.Set(at++, value);
  }
  auto object = Napi::Object::New(env);
  object.Set("status", static_cast<double>(response.status));
  object.Set("headers", headers);
  if (response.body) {
    object.Set("body", Napi::Buffer<char>::Copy(env, response.body->data(), response.body->size()));
  }
  object.Set("receivedBytes", static_cast<double>(response.received));
  object.Set("httpVersion", response.http_version);
  object.Set("effectiveUrl", response.effective_url);
  object.Set("newConnections", static_cast<double>(response.new_connections));
  return object;
}

Napi::Object ToObject(Napi::Env env, const Progress& progress) {
  auto object = Napi::Object::New(env);
  object.Set("received", static_cast<double>(progress.received));
  object.Set("total", progress.total ? Napi::Number::New(env, static_cast<double>(*progress.total))
                                     : env.Null());
  return object;
}

Napi::Object ToObject(Napi::Env env, const std::string& chunk) {
  // A copy: with buffers that own foreign memory the collector does not see how much there is, and
  // runs too late.
  return Napi::Buffer<char>::Copy(env, chunk.data(), chunk.size());
}

constexpr const char* kEventNames[] = {"progress", "chunk", "response", "failure"};

void DispatchEvents(Napi::Env env, Napi::Function listener, Environment* environment, void*) {
  if (env == nullptr) return;
  // A worker that is being terminated makes every call fail, and an exception out of here would end
  // the process.
  try {
    const std::vector<Event> events = environment->loop().TakeEvents();
    auto list = Napi::Array::New(env, events.size());
    std::uint32_t at = 0;
    for (const Event& event : events) {
      auto object = std::visit([&](const auto& what) { return ToObject(env, what); }, event.what);
      auto entry = Napi::Object::New(env);
      entry.Set("id", static_cast<double>(event.id));
      entry.Set(kEventNames[event.what.index()], object);
      list.Set(at++, entry);
      if (event.what.index() >= 2) environment->HasEnded(env);
    }
    listener.Call({list});
  } catch (const Napi::Error& error) {
    if (!error.IsEmpty()) napi_fatal_exception(env, error.Value());
  }
}

Environment& EnvironmentOf(const Napi::CallbackInfo& info) {
  return **info.Env().GetInstanceData<std::unique_ptr<Environment>>();
}

/// open(listener): once, before anything else.
void Open(const Napi::CallbackInfo& info) {
  auto& slot = *info.Env().GetInstanceData<std::unique_ptr<Environment>>();
  slot = std::make_unique<Environment>(info.Env(), info[0].As<Napi::Function>());
  // Registered after the thread-safe function's own hook, hence run before it.
  info.Env().AddCleanupHook([](Environment* environment) { environment->Stop(); }, slot.get());
}

/// begin(options): the id, or a failure.
Napi::Value Begin(const Napi::CallbackInfo& info) {
  try {
    const auto id = EnvironmentOf(info).Begin(info.Env(), ReadOptions(Options(info[0])));
    return Napi::Number::New(info.Env(), static_cast<double>(id));
  } catch (const Failure& failure) {
    return ToObject(info.Env(), failure);
  }
}

Transfer::Id IdOf(const Napi::CallbackInfo& info) {
  return static_cast<Transfer::Id>(info[0].As<Napi::Number>().Int64Value());
}

void Abort(const Napi::CallbackInfo& info) { EnvironmentOf(info).loop().Abort(IdOf(info)); }

void Acknowledge(const Napi::CallbackInfo& info) {
  EnvironmentOf(info).loop().Acknowledge(IdOf(info));
}

/// peerCredentials(fd): an object, or the number of the error.
Napi::Value PeerCredentialsOf(const Napi::CallbackInfo& info) {
  try {
    const PeerCredentials peer = ReadPeerCredentials(info[0].As<Napi::Number>().Int32Value());
    auto object = Napi::Object::New(info.Env());
    object.Set("pid", static_cast<double>(peer.pid));
    object.Set("uid", static_cast<double>(peer.uid));
    object.Set("gid", static_cast<double>(peer.gid));
    return object;
  } catch (const std::system_error& error) {
    return Napi::Number::New(info.Env(), error.code().value());
  }
}

/// notify(address, message): 0, or the number of the error.
Napi::Value NotifyServiceManager(const Napi::CallbackInfo& info) {
  try {
    Notify(info[0].As<Napi::String>().Utf8Value(), info[1].As<Napi::String>().Utf8Value());
    return Napi::Number::New(info.Env(), 0);
  } catch (const std::system_error& error) {
    return Napi::Number::New(info.Env(), error.code().value());
  }
}

Napi::Value CurlVersion(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), curl_version());
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  // Never cleaned up: other environments, and libraries beside this one, may use libcurl to the
  // end.
  static std::once_flag once;
  static CURLcode initialised;
  std::call_once(once, [] { initialised = curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (initialised != CURLE_OK) throw Napi::Error::New(env, curl_easy_strerror(initialised));

  env.SetInstanceData(new std::unique_ptr<Environment>());
  exports.Set("open", Napi::Function::New<Open>(env));
  exports.Set("begin", Napi::Function::New<Begin>(env));
  exports.Set("abort", Napi::Function::New<Abort>(env));
  exports.Set("acknowledge", Napi::Function::New<Acknowledge>(env));
  exports.Set("peerCredentials", Napi::Function::New<PeerCredentialsOf>(env));
  exports.Set("notify", Napi::Function::New<NotifyServiceManager>(env));
  exports.Set("curlVersion", Napi::Function::New<CurlVersion>(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(pginstall_curl, Init)

}  // namespace pginstall
