// A search as Python holds it, with the Python objects that its configurations are made of: an ask then makes
// a dict and numbers, no strings.
#pragma once

#include <pybind11/pybind11.h>

#include <cmath>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "convert.hpp"
#include "lehr/search/optimizer.hpp"

namespace lehr::python {

class NamedOptimizer final : public Optimizer {
 public:
  NamedOptimizer(std::shared_ptr<const Space> searched, Options chosen)
      : Optimizer(std::move(searched), std::move(chosen)) {
    for (const Variable& variable : space().variables()) {
      names_.emplace_back(variable.name);
      choices_.emplace_back();
      for (const Value& choice : variable.choices) choices_.back().push_back(to_python(choice));
    }
  }

  // As to_dict, of codes that the search itself made.
  pybind11::dict config(std::span<const double> codes) const {
    pybind11::dict made;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      if (std::isnan(codes[i])) continue;
      made[names_[i]] = choices_[i].empty() ? to_python(space().variable(i).decode(codes[i]))
                                            : choices_[i][static_cast<std::size_t>(codes[i])];
    }
    return made;
  }

 private:
  std::vector<pybind11::str> names_;
  std::vector<std::vector<pybind11::object>> choices_;  // none for numbers
};

}  // namespace lehr::python
