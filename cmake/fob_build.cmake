# How every target of fob is compiled: the standard, the warnings, the hardening, the libraries by their own names.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 99)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  # Precompiled headers are cacheable with this, and with -fno-pch-timestamp below (ccache's manual says why).
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
# A program's start is half looking for libraries and their symbols: what is only ours to use, each brings along. What the
# system mends for all (libc, TLS, libcurl, libsodium) stays shared.
set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.81 REQUIRED COMPONENTS url)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(SECRET REQUIRED IMPORTED_TARGET libsecret-1)
find_path(TOMLPP_HEADERS toml++/toml.h REQUIRED)

add_library(fob_flags INTERFACE)
if(FOB_WARNINGS)
  target_compile_options(fob_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-align -Wformat=2 -Wundef -Werror
    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual>)
endif()
target_compile_options(fob_flags INTERFACE -fstack-protector-strong -fno-omit-frame-pointer)
target_include_directories(fob_flags INTERFACE ${CMAKE_SOURCE_DIR})
# Asio is used by one thread of a program alone, so it needs no locks: they are a quarter of what it keeps of a connection.
target_compile_definitions(fob_flags INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE BOOST_ASIO_DISABLE_THREADS FOB_VERSION="${PROJECT_VERSION}")
target_link_options(fob_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_definitions(fob_flags INTERFACE _FORTIFY_SOURCE=2)
  target_compile_options(fob_flags INTERFACE -ffunction-sections -fdata-sections)
else()
  # Boost's assertions, which have no effect with NDEBUG, end in ipc/base/boost_assertion.cpp.
  target_compile_definitions(fob_flags INTERFACE BOOST_ENABLE_ASSERT_DEBUG_HANDLER)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 sees phantom overflows inside libstdc++ and Boost's inlined code once it optimises or instruments. And
  # where it inlines the new of a coroutine's frame (Asio's aligned_alloc) but not its delete, it calls them
  # mismatched, though both are awaitable_frame_base's.
  target_compile_options(fob_flags INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-array-bounds -Wno-restrict -Wno-mismatched-new-delete)
  # It takes a file that is compiled with others for a header, where a hidden class made of its own things would be wrong.
  if(CMAKE_UNITY_BUILD)
    target_compile_options(fob_flags INTERFACE -Wno-subobject-linkage)
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(fob_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
endif()
if(FOB_SANITIZE)
  target_compile_definitions(fob_flags INTERFACE FOB_SANITIZED=1)
  target_compile_options(fob_flags INTERFACE -fsanitize=${FOB_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(fob_flags INTERFACE -fsanitize=${FOB_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(fob_flags INTERFACE -Wno-tsan)
  endif()
endif()
if(FOB_FUZZ)
  # Instrument everything for coverage; only the fuzz targets themselves link libFuzzer's main.
  target_compile_options(fob_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# What nearly every file reads, compiled once a target. Clang spends half its time there; g++ gains little. A file
# still includes what it uses: dev and tidy would not compile otherwise.
set(FOB_COMMON_HEADERS <algorithm> <array> <chrono> <filesystem> <functional> <map> <memory> <optional> <string> <vector>
  <boost/asio/as_tuple.hpp> <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp>
  <boost/asio/local/stream_protocol.hpp> <boost/asio/steady_timer.hpp> <boost/asio/use_awaitable.hpp>
  <nlohmann/json.hpp>)
function(fob_precompile target)
  if(FOB_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_precompile_headers(${target} PRIVATE ${FOB_COMMON_HEADERS} ${ARGN})
  endif()
endfunction()

# fob_library(NAME SOURCES … ALONE … LINKS …): one folder's code. Where the preset compiles many files as one (a unity
# build), those under ALONE stay apart: they give their own things a name that another file of the folder uses too.
function(fob_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;ALONE;LINKS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES} ${arg_ALONE})
  set_source_files_properties(${arg_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_link_libraries(${name} PUBLIC ${arg_LINKS} PRIVATE fob_flags)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  fob_precompile(${name})
endfunction()

# fob_program(NAME SOURCES … LINKS …): an executable, in build/PRESET/bin.
function(fob_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINKS} fob_flags)
  if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" AND NOT FOB_SANITIZE)
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc -Wl,--gc-sections)
  endif()
endfunction()
