#include "lehr/problems/registry.hpp"

#include <charconv>
#include <cstdint>
#include <functional>
#include <utility>

#include "lehr/base/error.hpp"
#include "lehr/problems/benign.hpp"
#include "lehr/problems/crashy_branin.hpp"
#include "lehr/problems/deploy_space.hpp"
#include "lehr/problems/devices/chips.hpp"
#include "lehr/problems/devices/deployment.hpp"
#include "lehr/problems/devices/llm/serving.hpp"
#include "lehr/problems/hierarchical_rosenbrock.hpp"
#include "lehr/problems/landscape.hpp"
#include "lehr/problems/rugged.hpp"
#include "lehr/problems/smooth.hpp"
#include "lehr/problems/tuning_space.hpp"

namespace lehr {
namespace {

using Factory = std::function<std::shared_ptr<const Problem>()>;
using Generator = std::function<std::shared_ptr<const Problem>(std::uint64_t)>;

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
        {"crashy_branin", crashy_branin}, {"hierarchical_rosenbrock", hierarchical_rosenbrock},
        {"branin", plain_branin},         {"hartmann6", hartmann6},
        {"sphere100", sphere100},         {"rugged", rugged},
        {"none_fail", none_fail},         {"all_fail", all_fail},
        {"random_fail", random_fail},
    };
    add_devices(entries);
    for (const std::string chip : {"a100", "l4"})
      entries.emplace_back("llm_serving@" + chip, [chip] { return llm_serving(chip); });
    return entries;
  }();
  return factories;
}

// Named NAME#SEED.
const std::vector<std::pair<std::string, Generator>>& generators() {
  static const std::vector<std::pair<std::string, Generator>> makers{
      {"deploy_space", deploy_space},
      {"tuning_space", tuning_space},
      {"smooth_space", smooth_space},
      {"rugged_space", rugged_space},
  };
  return makers;
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
  for (const auto& [key, generator] : generators()) {
    known += ", " + key + "#SEED";
    if (!name.starts_with(key + "#")) continue;
    const char* first = name.data() + key.size() + 1;
    const char* last = name.data() + name.size();
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(first, last, seed);
    if (error == std::errc() && end == last) return generator(seed);
    throw OptionError("'" + name + "' names no problem: write " + key +
                      "#SEED with a whole number, 0 or more");
  }
  throw OptionError("unknown problem '" + name + "'; use one of " + known);
}

}  // namespace lehr
