#include "lehr/problems/registry.hpp"

#include <functional>
#include <utility>

#include "lehr/base/error.hpp"
#include "lehr/problems/crashy_branin.hpp"
#include "lehr/problems/devices/chips.hpp"
#include "lehr/problems/devices/deployment.hpp"
#include "lehr/problems/devices/llm/serving.hpp"

namespace lehr {
namespace {

using Factory = std::function<std::shared_ptr<const Problem>()>;

// Every scenario on every chip: edge_tight@h100 and so on.
void add_devices(std::vector<std::pair<std::string, Factory>>& entries) {
  using Scenario = std::shared_ptr<const Problem> (*)(const std::string&);
  const std::pair<std::string, Scenario> scenarios[] = {{"edge_tight@", edge_tight},
                                                        {"server_throughput@", server_throughput}};
  for (const auto& [prefix, make] : scenarios) {
    for (const devices::Chip& chip : devices::chips()) {
      const std::string name = chip.name;
      entries.emplace_back(prefix + name, [make = make, name] { return make(name); });
    }
  }
}

const std::vector<std::pair<std::string, Factory>>& table() {
  static const std::vector<std::pair<std::string, Factory>> factories = [] {
    std::vector<std::pair<std::string, Factory>> entries{
        {"crashy_branin", crashy_branin},
    };
    add_devices(entries);
    for (const std::string chip : {"a100", "l4"})
      entries.emplace_back("llm_serving@" + chip, [chip] { return llm_serving(chip); });
    return entries;
  }();
  return factories;
}

}  // namespace

std::vector<std::string> problem_names() {
  std::vector<std::string> names;
  for (const auto& entry : table()) names.push_back(entry.first);
  return names;
}

std::shared_ptr<const Problem> make_problem(const std::string& name) {
  std::string known;
  for (const auto& [key, factory] : table()) {
    if (key == name) return factory();
    known += (known.empty() ? "" : ", ") + key;
  }
  throw OptionError("unknown problem '" + name + "'; use one of " + known);
}

}  // namespace lehr
