// The limit for applying objects: server-side apply PATCHes, HTTP/2, one connection, nothing else.
//   bench_patches SERVER CA CERT KEY PARALLEL FILE
// FILE has a line for each: path, tab, body. Ends with 1 when an answer is not 2xx.
#include <curl/curl.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace {

struct Patch {
  std::string url;
  std::string body;
};

std::size_t drop(char* /*data*/, std::size_t size, std::size_t count, void* /*context*/) {
  return size * count;
}

std::vector<Patch> read_patches(const std::string& server, const char* file) {
  std::vector<Patch> patches;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::size_t tab = line.find('\t');
    patches.push_back({server + line.substr(0, tab), line.substr(tab + 1)});
  }
  return patches;
}

class Run {
 public:
  explicit Run(char** argv)
      : argv_(argv),
        parallel_(std::strtoul(argv[5], nullptr, 10)),
        patches_(read_patches(argv[1], argv[6])),
        multi_(curl_multi_init()),
        headers_(curl_slist_append(nullptr, "Content-Type: application/apply-patch+yaml")) {
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
    curl_multi_setopt(multi_, CURLMOPT_MAX_CONCURRENT_STREAMS, static_cast<long>(parallel_));
  }
  ~Run() {
    for (CURL* easy : idle_) {
      curl_easy_cleanup(easy);
    }
    curl_multi_cleanup(multi_);
    curl_slist_free_all(headers_);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  int to_end() {
    while (next_ < patches_.size() || running_ > 0) {
      while (next_ < patches_.size() && running_ < parallel_) {
        start(patches_[next_++]);
      }
      int left = 0;
      curl_multi_perform(multi_, &left);
      if (!take_answers()) {
        curl_multi_poll(multi_, nullptr, 0, 100, nullptr);
      }
    }
    if (failed_ > 0) {
      std::fprintf(stderr, "%zu of %zu PATCHes failed\n", failed_, patches_.size());
    }
    return failed_ == 0 && !patches_.empty() ? 0 : 1;
  }

 private:
  CURL* handle() {
    if (!idle_.empty()) {
      CURL* easy = idle_.back();
      idle_.pop_back();
      return easy;
    }
    CURL* easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_CAINFO, argv_[2]);
    curl_easy_setopt(easy, CURLOPT_SSLCERT, argv_[3]);
    curl_easy_setopt(easy, CURLOPT_SSLKEY, argv_[4]);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PATCH");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &drop);
    return easy;
  }

  void start(const Patch& patch) {
    CURL* easy = handle();
    curl_easy_setopt(easy, CURLOPT_URL, patch.url.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, patch.body.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(patch.body.size()));
    curl_multi_add_handle(multi_, easy);
    ++running_;
  }

  bool take_answers() {
    bool any = false;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      CURL* easy = message->easy_handle;
      long status = 0;
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      failed_ += message->data.result != CURLE_OK || status < 200 || status > 299 ? 1 : 0;
      curl_multi_remove_handle(multi_, easy);
      idle_.push_back(easy);
      --running_;
      any = true;
    }
    return any;
  }

  char** argv_;
  std::size_t parallel_;
  std::vector<Patch> patches_;
  CURLM* multi_;
  curl_slist* headers_;
  std::vector<CURL*> idle_;
  std::size_t next_ = 0;
  std::size_t running_ = 0;
  std::size_t failed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fputs("usage: bench_patches SERVER CA CERT KEY PARALLEL FILE\n", stderr);
    return 2;
  }
  curl_global_init(CURL_GLOBAL_ALL);
  const int code = Run(argv).to_end();
  curl_global_cleanup();
  return code;
}
