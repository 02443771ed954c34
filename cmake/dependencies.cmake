# Everything from Debian 12. Each library is used by the adapter files of one module only.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(YAML_CPP REQUIRED IMPORTED_TARGET yaml-cpp)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(SPDLOG REQUIRED IMPORTED_TARGET spdlog)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
find_path(CXXOPTS_INCLUDE_DIR cxxopts.hpp REQUIRED)

# In programs for use the libraries of C++ are built in: as shared ones they have thousands of names to bind at every
# start and bring pages that a short run never looks at, which together was a third of its memory.
if(CROSSOVER_STATIC_CXX)
  find_library(YAML_CPP_ARCHIVE libyaml-cpp.a REQUIRED)
  set(CROSSOVER_YAML_CPP ${YAML_CPP_ARCHIVE})
  set(CROSSOVER_FMT fmt::fmt-header-only)
  # Without the definitions of its compiled form spdlog is headers alone.
  add_library(crossover_spdlog INTERFACE)
  target_compile_definitions(crossover_spdlog INTERFACE SPDLOG_FMT_EXTERNAL)
  set(CROSSOVER_SPDLOG crossover_spdlog)
  add_link_options(-static-libstdc++ -static-libgcc)
else()
  set(CROSSOVER_YAML_CPP PkgConfig::YAML_CPP)
  set(CROSSOVER_FMT fmt::fmt)
  set(CROSSOVER_SPDLOG PkgConfig::SPDLOG)
endif()
