#include "resources/render.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "document/template.h"
#include "document/yaml.h"

namespace crossover::resources {

namespace {

using nlohmann::json;

}  // namespace

std::vector<cli::OptionSpec> render_options() {
  const std::vector<std::string> verbs = {"apply"};
  return {{.name = "render",
           .type = cli::OptionType::flag,
           .help = "print the objects as a JSON List and change nothing",
           .verbs = verbs},
          {.name = "template",
           .value_name = "FILE",
           .help = "with --render: this template instead of the configuration's sources, as "
                   "'oc process --local -o json' prints it",
           .verbs = verbs,
           .without_config = true},
          {.name = "param",
           .short_name = 'p',
           .type = cli::OptionType::list,
           .value_name = "KEY=VALUE",
           .help = "a parameter of --template",
           .verbs = verbs},
          {.name = "param-file",
           .type = cli::OptionType::list,
           .value_name = "FILE",
           .help = "a file with parameters of --template, one KEY=VALUE a line",
           .verbs = verbs},
          {.name = "labels",
           .short_name = 'l',
           .type = cli::OptionType::list,
           .value_name = "KEY=VALUE",
           .help = "labels for every object of --template",
           .verbs = verbs},
          {.name = "ignore-unknown-parameters",
           .type = cli::OptionType::flag,
           .help = "accept parameters that --template does not have",
           .verbs = verbs}};
}

bool renders(const cli::TaskContext& context) { return context.options().flag("render"); }

bool renders_template(const cli::TaskContext& context) {
  const cli::Options& options = context.options();
  const bool named = options.given("template");
  for (const char* name : {"param", "param-file", "labels", "ignore-unknown-parameters"}) {
    if (options.given(name) && !named) {
      throw Error(ErrorKind::usage,
                  fmt::format("unable to use '--{}': it goes with --template", name),
                  "parameters of the configured sources are set in crossover.yaml");
    }
  }
  if (named && !renders(context)) {
    throw Error(ErrorKind::usage, "unable to use '--template': it goes with --render",
                "to apply a template, name it as a source in crossover.yaml");
  }
  return named;
}

void render_template(cli::TaskContext& context) {
  const cli::Options& options = context.options();
  document::RenderRequest request;
  request.template_file = options.text("template");
  request.parameters = options.list("param");
  request.parameter_files = options.list("param-file");
  request.labels = options.list("labels");
  request.ignore_unknown_parameters = options.flag("ignore-unknown-parameters");
  context.set_raw_output(document::json_text(document::render(request)));
}

void render_objects(cli::TaskContext& context, const std::vector<json>& objects) {
  context.set_raw_output(document::json_text(
      {{"kind", "List"}, {"apiVersion", "v1"}, {"metadata", json::object()}, {"items", objects}}));
}

}  // namespace crossover::resources
