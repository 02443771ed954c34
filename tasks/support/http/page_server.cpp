#include "http/page_server.h"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <optional>
#include <thread>

#include "base/error.h"

namespace crossover::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Tcp = asio::ip::tcp;

constexpr int most_connections = 16;
constexpr std::uint32_t most_header_bytes = 8192;

using Reply = beast::http::response<beast::http::string_body>;

Tcp::endpoint parse_address(const std::string& address) {
  const auto bad = [&] {
    return Error(ErrorKind::usage,
                 fmt::format("unable to listen at '{}': not an address and a port", address),
                 "give it as 127.0.0.1:9187, [::1]:9187, or :9187 for all addresses");
  };
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) {
    throw bad();
  }
  std::string host = address.substr(0, colon);
  const std::string number = address.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(number.data(), number.data() + number.size(), port);
  if (failure != std::errc() || end != number.data() + number.size()) {
    throw bad();
  }
  if (host.empty()) {
    return {Tcp::v4(), port};
  }
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  boost::system::error_code error;
  const asio::ip::address parsed = asio::ip::make_address(host, error);
  if (error) {
    throw bad();
  }
  return {parsed, port};
}

Reply plain(beast::http::status status, std::string_view text) {
  Reply answer{status, 11};
  answer.set(beast::http::field::content_type, "text/plain; charset=utf-8");
  answer.body() = std::string(text) + "\n";
  return answer;
}

/// One request and its answer. Lives as long as something of it is under way.
class Visit : public std::enable_shared_from_this<Visit> {
 public:
  Visit(Tcp::socket socket, const PageServer::Pages& pages, int& open)
      : stream_(std::move(socket)), pages_(pages), open_(open) {
    ++open_;
  }
  ~Visit() { --open_; }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  void run(Duration longest) {
    // For all of it: a visitor that sends a byte now and then gets no more time.
    stream_.expires_after(longest);
    parser_.header_limit(most_header_bytes);
    parser_.body_limit(std::uint64_t{0});
    beast::http::async_read_header(
        stream_, buffer_, parser_,
        [self = shared_from_this()](const beast::error_code& error, std::size_t) {
          if (!error) {
            self->answer();
          }
        });
  }

 private:
  void answer() {
    answer_ = find(parser_.get());
    answer_.keep_alive(false);
    answer_.prepare_payload();
    if (parser_.get().method() == beast::http::verb::head) {
      answer_.body().clear();  // its length stays
    }
    beast::http::async_write(stream_, answer_,
                             [self = shared_from_this()](beast::error_code error, std::size_t) {
                               self->stream_.socket().shutdown(Tcp::socket::shutdown_send, error);
                             });
  }

  Reply find(const beast::http::request<beast::http::empty_body>& request) const {
    if (request.method() != beast::http::verb::get && request.method() != beast::http::verb::head) {
      Reply refusal = plain(beast::http::status::method_not_allowed, "only GET and HEAD");
      refusal.set(beast::http::field::allow, "GET, HEAD");
      return refusal;
    }
    const std::string_view target(request.target().data(), request.target().size());
    const auto found = pages_.find(target.substr(0, target.find('?')));
    if (found == pages_.end()) {
      return plain(beast::http::status::not_found, "no such page");
    }
    try {
      Page page = found->second();
      Reply answer{beast::http::status::ok, 11};
      answer.set(beast::http::field::content_type, page.content_type);
      answer.body() = std::move(page.body);
      return answer;
    } catch (const std::exception&) {
      return plain(beast::http::status::internal_server_error, "not available");
    }
  }

  beast::tcp_stream stream_;
  const PageServer::Pages& pages_;
  int& open_;
  beast::flat_buffer buffer_{most_header_bytes};
  beast::http::request_parser<beast::http::empty_body> parser_;
  Reply answer_;
};

}  // namespace

class PageServer::Impl {
 public:
  Impl(const std::string& address, Pages pages, Duration longest_visit)
      : pages_(std::move(pages)), longest_visit_(longest_visit) {
    const Tcp::endpoint endpoint = parse_address(address);
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) {
      acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
      acceptor_.bind(endpoint, error);
    }
    if (!error) {
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
      throw Error(ErrorKind::precondition,
                  fmt::format("unable to listen at '{}': {}", address, error.message()),
                  "give another address or port");
    }
    accept();
    thread_ = std::thread([this] { serve(); });
  }

  ~Impl() {
    context_.stop();
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, Tcp::socket socket) {
      if (error) {
        accept_later();
        return;
      }
      accept();
      if (open_ < most_connections) {
        std::make_shared<Visit>(std::move(socket), pages_, open_)->run(longest_visit_);
      }
    });
  }

  // The process has no more descriptors, for example: at once it would fail again.
  void accept_later() {
    pause_.expires_after(std::chrono::milliseconds(100));
    pause_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        accept();
      }
    });
  }

  // No memory for one visitor is no reason to serve nobody any more.
  void serve() noexcept {
    while (!context_.stopped()) {
      try {
        context_.run();
      } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
      }
    }
  }

  const Pages pages_;
  const Duration longest_visit_;
  int open_ = 0;  // used in the serving thread only
  asio::io_context context_{1};
  Tcp::acceptor acceptor_{context_};
  asio::steady_timer pause_{context_};
  std::thread thread_;
};

PageServer::PageServer(const std::string& address, Pages pages, Duration longest_visit)
    : impl_(std::make_unique<Impl>(address, std::move(pages), longest_visit)) {}
PageServer::~PageServer() = default;

std::uint16_t PageServer::port() const { return impl_->port(); }

}  // namespace crossover::http
