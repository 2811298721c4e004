// The baseline of fob-exchange: the same request to the same authority, with libcurl and nothing else. It
// knows one CA, confines itself in nothing, wipes nothing, and takes the credential as it is.
#include <curl/curl.h>

#include <cstdio>

namespace {

int post(CURL* curl, char** argv) {
  curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
  curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
  curl_easy_setopt(curl, CURLOPT_CAINFO, argv[2]);
  curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(curl, CURLOPT_USERPWD, argv[3]);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "{}");
  const CURLcode code = curl_easy_perform(curl);  // the answer goes to standard output
  curl_slist_free_all(headers);
  if (code != CURLE_OK) std::fprintf(stderr, "%s: %s\n", argv[0], curl_easy_strerror(code));
  return code == CURLE_OK ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s URL CA_FILE ID:SECRET\n", argv[0]);
    return 2;
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL* curl = curl_easy_init();
  const int status = post(curl, argv);
  curl_easy_cleanup(curl);
  curl_global_cleanup();
  return status;
}
