# The version of the programs with the commit that they are made of: crossover_version, a library of
# one small file. The commit is asked for at each build, and only that file is compiled again when it
# has changed. The same file is run as a script (-P) by that step.
if(CMAKE_SCRIPT_MODE_FILE)
  set(commit "")
  if(EXISTS "${SOURCE_DIR}/.git")
    execute_process(COMMAND git -C "${SOURCE_DIR}" rev-parse --short=12 HEAD
                    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
  if(NOT commit)
    # A source archive has no history; packagers say what it was made of.
    set(commit "$ENV{CROSSOVER_COMMIT}")
  endif()
  configure_file("${INPUT}" "${OUTPUT}" @ONLY)
  return()
endif()

set(version_source "${PROJECT_BINARY_DIR}/generated/version.cpp")
add_custom_target(crossover_commit
  COMMAND "${CMAKE_COMMAND}" "-DSOURCE_DIR=${PROJECT_SOURCE_DIR}" "-DVERSION=${PROJECT_VERSION}"
          "-DINPUT=${CMAKE_CURRENT_SOURCE_DIR}/version.cpp.in" "-DOUTPUT=${version_source}"
          -P "${PROJECT_SOURCE_DIR}/cmake/version.cmake"
  BYPRODUCTS "${version_source}"
  COMMENT "Asking for the commit")
add_library(crossover_version STATIC "${version_source}")
add_dependencies(crossover_version crossover_commit)
target_include_directories(crossover_version PRIVATE "${PROJECT_SOURCE_DIR}/tasks/support")
