// From what a user gave to codes, with every problem in words.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lehr/base/error.hpp"
#include "lehr/space/compiled.hpp"
#include "lehr/space/suggest.hpp"

namespace lehr {
namespace {

std::string unknown_name(const Space& space, const std::string& name) {
  std::vector<std::string> known;
  for (const Variable& v : space.variables()) known.push_back(v.name);
  std::string hint = suggestion(name, known);
  if (hint.empty()) {
    hint = "; its variables are ";
    for (std::size_t k = 0; k < known.size(); ++k) hint += (k ? ", " : "") + known[k];
    hint += ".";
  }
  return "'" + name + "' is not a variable of this space" + hint;
}

// The values that a condition saw: backend = 'compile', n = 3.
std::string seen(const Space& space, const Program& rule, const Configuration& codes) {
  std::string result;
  for (const std::size_t p : rule.mentions()) {
    if (!result.empty()) result += ", ";
    const Variable& parent = space.variable(p);
    result += parent.name + (std::isnan(codes[p]) ? " is inactive" : " = " + text(parent.decode(codes[p])));
  }
  return result;
}

}  // namespace

Configuration Space::encode(const std::vector<std::pair<std::string, Value>>& values) const {
  std::vector<std::string> problems;
  std::vector<const Value*> given(size(), nullptr);
  for (const auto& [name, value] : values) {
    const std::optional<std::size_t> i = find(name);
    if (!i) {
      problems.push_back(unknown_name(*this, name));
    } else if (given[*i]) {
      problems.push_back(name + " is given twice; give it once.");
    } else {
      given[*i] = &value;
    }
  }
  Configuration codes(size(), std::numeric_limits<double>::quiet_NaN());
  std::vector<bool> unsettled(size(), false);  // its value or activity is not known, because of a problem
  for (std::size_t i = 0; i < size(); ++i) {
    const Variable& v = variables_[i];
    const Program& when = compiled_->rules.when[i];
    const Truth truth = when.evaluate(codes);
    // Truth is monotone: a definite yes or no stays so whatever the unsettled variables turn out to be.
    const bool doubtful =
        truth == Truth::unknown && std::any_of(when.mentions().begin(), when.mentions().end(),
                                               [&](std::size_t p) { return unsettled[p]; });
    std::optional<double> code;
    if (given[i]) {
      code = v.encode(*given[i]);
      if (!code)
        problems.push_back(v.name + " = " + text(*given[i]) + " is not allowed; it must be " + v.domain() +
                           ".");
    }
    if (doubtful) {
      unsettled[i] = true;
    } else if (truth == Truth::yes) {
      unsettled[i] = !code;
      if (code) codes[i] = *code;
      if (!given[i]) {
        const std::string why = when.always() ? "" : "; it is active because " + text(v.when);
        problems.push_back(v.name + " is missing" + why + (when.always() ? ": " : " and must be ") +
                           (when.always() ? "it must be " : "") + v.domain() + ".");
      }
    } else if (given[i] && code) {
      problems.push_back(v.name + " is given but inactive: it is active only when " + text(v.when) +
                         ", and here " + seen(*this, when, codes) + "; leave it out.");
    }
  }
  for (std::size_t f = 0; f < forbidden_.size(); ++f) {
    const Program& rule = compiled_->rules.forbidden[f];
    if (rule.holds(codes)) {
      problems.push_back("This combination is forbidden: " + text(forbidden_[f]) + " (here " +
                         seen(*this, rule, codes) + ").");
    }
  }
  if (!problems.empty()) throw ConfigurationError(std::move(problems));
  return codes;
}

}  // namespace lehr
