# Compiler settings that hold for every target of the project.
include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CROSSOVER_CCACHE ccache)
if(CROSSOVER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CROSSOVER_CCACHE}")
endif()

add_compile_options(
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wcast-qual -Wformat=2 -Wimplicit-fallthrough
  -fstack-protector-strong
  # g++ 12 reports std::optional members that are read only when engaged (GCC bug 80635).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  # Optimised, it takes std::string's insert and replace for overlapping copies (GCC bugs 105329 and 105651).
  $<$<AND:$<CONFIG:Release>,$<CXX_COMPILER_ID:GNU>>:-Wno-restrict>)
add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
add_link_options(-Wl,-z,relro -Wl,-z,now -pie)

# Debug sections of a full -g build double compile time on two cores; -g1 keeps backtraces.
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

set(CROSSOVER_SANITIZE "" CACHE STRING "address,undefined or thread")
if(CROSSOVER_SANITIZE)
  add_compile_options(-fsanitize=${CROSSOVER_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CROSSOVER_SANITIZE})
endif()
if(CROSSOVER_SANITIZE STREQUAL "thread")
  # Boost.Asio's fences between its handlers are what the thread sanitizer can't follow; its locks order them too.
  add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()

# Programs for use are as small as they can be; those for tests build faster without.
if(CMAKE_BUILD_TYPE STREQUAL Release AND NOT CROSSOVER_SANITIZE)
  set(released ON)
else()
  set(released OFF)
endif()
option(CROSSOVER_STATIC_CXX "build the libraries of C++ into the programs" ${released})
add_compile_options($<$<CONFIG:Release>:-ffunction-sections> $<$<CONFIG:Release>:-fdata-sections>)
add_link_options($<$<CONFIG:Release>:-Wl,--gc-sections>)

# Stop points let the crash tests halt a task at a named step boundary. They must never be in a
# shipped binary, so they exist only where this is on.
option(CROSSOVER_STOP_POINTS "compile named stop points into the tasks (test builds only)" OFF)
if(CROSSOVER_STOP_POINTS)
  add_compile_definitions(CROSSOVER_STOP_POINTS)
endif()
