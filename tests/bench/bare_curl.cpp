// The least that a program on libcurl can cost:
//   bench_curl                        sets libcurl up and ends
//   bench_curl URL CA CERT KEY        one GET with a client certificate
#include <curl/curl.h>

#include <cstdio>

namespace {

std::size_t drop(char* /*data*/, std::size_t size, std::size_t count, void* /*context*/) {
  return size * count;
}

}  // namespace

int main(int argc, char** argv) {
  if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
    return 1;
  }
  CURLcode code = CURLE_OK;
  if (argc == 5) {
    CURL* easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
    curl_easy_setopt(easy, CURLOPT_CAINFO, argv[2]);
    curl_easy_setopt(easy, CURLOPT_SSLCERT, argv[3]);
    curl_easy_setopt(easy, CURLOPT_SSLKEY, argv[4]);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &drop);
    code = curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    if (code != CURLE_OK) {
      std::fprintf(stderr, "unable to get '%s': %s\n", argv[1], curl_easy_strerror(code));
    }
  }
  curl_global_cleanup();
  return code == CURLE_OK ? 0 : 1;
}
