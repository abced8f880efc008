#include "lehr/problems/registry.hpp"

#include <functional>
#include <utility>

#include "lehr/base/error.hpp"
#include "lehr/problems/crashy_branin.hpp"
#include "lehr/problems/hierarchical_rosenbrock.hpp"

namespace lehr {
namespace {

using Factory = std::function<std::shared_ptr<const Problem>()>;

const std::vector<std::pair<std::string, Factory>>& table() {
  static const std::vector<std::pair<std::string, Factory>> factories{
      {"crashy_branin", crashy_branin},
      {"hierarchical_rosenbrock", hierarchical_rosenbrock},
  };
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
