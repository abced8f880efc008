#include "lehr/problems/problem.hpp"

#include <utility>

namespace lehr {

Problem::Problem(std::string name, std::shared_ptr<const Space> space, std::string objective,
                 Direction direction, std::vector<Constraint> constraints, std::optional<std::string> family)
    : name_(std::move(name)),
      space_(std::move(space)),
      objective_(std::move(objective)),
      direction_(direction),
      constraints_(std::move(constraints)),
      family_(family ? space_->find(*family) : std::nullopt) {}

bool Problem::feasible(const Result& result) const {
  if (result.outcome != Outcome::ok) return false;
  for (std::size_t i = 0; i < constraints_.size(); ++i) {
    if (!constraints_[i].met(result.metrics[i])) return false;
  }
  return true;
}

}  // namespace lehr
