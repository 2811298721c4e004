// Prints an access token from fob. Needs libcurl and nlohmann-json.
// Build: g++ -std=c++17 token.cpp -lcurl -o token     Usage: token [PROFILE]
#include <curl/curl.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

std::string fob_token(const std::string& profile) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) throw std::runtime_error("libcurl does not start");
  const char* socket = std::getenv("FOB_SOCKET");
  std::string url = "http://fob/v1/token", body;
  if (!profile.empty()) {
    const std::unique_ptr<char, decltype(&curl_free)> escaped(
        curl_easy_escape(curl.get(), profile.data(), static_cast<int>(profile.size())), curl_free);
    url += std::string("?profile=") + escaped.get();
  }
  const curl_write_callback append = [](char* bytes, size_t one, size_t count, void* to) {
    static_cast<std::string*>(to)->append(bytes, one * count);
    return one * count;
  };
  curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, socket ? socket : "/run/fob/fob.sock");
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 15L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK)
    throw std::runtime_error(curl_easy_strerror(code));

  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  const auto answer = nlohmann::json::parse(body);
  if (status != 200) throw std::runtime_error(answer.at("detail"));
  return answer.at("access_token");
}

int main(int argc, char** argv) {
  try {
    std::cout << fob_token(argc > 1 ? argv[1] : "") << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "fob: " << error.what() << "\n";
    return 1;
  }
}
