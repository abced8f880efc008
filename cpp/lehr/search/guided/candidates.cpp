#include "lehr/search/guided/candidates.hpp"

#include <cmath>

namespace lehr::guided {

void Candidates::clear() {
  codes_.clear();
  rows_.clear();
  count_ = 0;
}

void Candidates::keep(const Configuration& configuration) {
  if (context_.space.is_forbidden(configuration) || context_.evaluated.contains(configuration)) return;
  codes_.insert(codes_.end(), configuration.begin(), configuration.end());
  encoding_->append(configuration, rows_);
  ++count_;
}

void Candidates::draw(std::size_t count, Rng& rng) {
  for (std::size_t i = 0; i < count; ++i) keep(context_.space.sample(rng));
}

void Candidates::near(std::span<const double> from, std::size_t count, double scale, Rng& rng) {
  const Space& space = context_.space;
  std::vector<std::size_t> numeric, categorical;
  for (const Feature& feature : encoding_->features()) {
    if (std::isnan(from[feature.variable])) continue;
    (feature.categorical() ? categorical : numeric).push_back(feature.variable);
  }
  if (numeric.empty() && categorical.empty()) return;
  for (std::size_t i = 0; i < count; ++i) {
    drawn_.assign(from.begin(), from.end());
    const bool structural = !categorical.empty() && (numeric.empty() || rng.uniform() < 0.35);
    if (structural) {
      const std::size_t at = categorical[rng.below(categorical.size())];
      const std::size_t choices = space.variable(at).choices.size();
      const auto other = static_cast<double>(rng.below(choices - 1));
      drawn_[at] = other < from[at] ? other : other + 1.0;
    }
    if (!numeric.empty() && (!structural || rng.uniform() < 0.3)) {
      // One of them surely, each other one with a chance that keeps the number moved small.
      const std::size_t sure = rng.below(numeric.size());
      const double chance =
          rng.uniform() < 0.5 ? 0.0 : std::min(1.0, 4.0 / static_cast<double>(numeric.size()));
      for (std::size_t k = 0; k < numeric.size(); ++k) {
        if (k != sure && !(rng.uniform() < chance)) continue;
        const Variable& variable = space.variable(numeric[k]);
        const double before = from[numeric[k]];
        const double step = scale * rng.normal();
        double after = variable.from_unit(variable.to_unit(before) + step);
        // A step that rounds to nothing becomes the neighbouring value.
        if (after == before && variable.discrete()) {
          const double width = variable.step > 0.0 ? variable.step : 1.0;
          after = variable.nearest(before + (step < 0.0 ? -width : width));
          if (after == before) after = variable.nearest(before + (step < 0.0 ? width : -width));
        }
        drawn_[numeric[k]] = after;
      }
    }
    space.repair(drawn_, rng);
    keep(drawn_);
  }
}

void Candidates::with(std::span<const double> from, std::size_t variable, double code, Rng& rng) {
  if (std::isnan(from[variable])) return;
  drawn_.assign(from.begin(), from.end());
  drawn_[variable] = code;
  context_.space.repair(drawn_, rng);
  keep(drawn_);
}

}  // namespace lehr::guided
