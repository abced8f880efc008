// What the failure model believes, cause by cause.
#include <algorithm>
#include <cmath>

#include "lehr/search/guided/failure_model.hpp"

namespace lehr::guided {

double FailureModel::belief(std::size_t family) const {
  const Edge all{static_cast<std::uint32_t>(family), 0, static_cast<std::uint32_t>(families_[family].states)};
  double total = 0.0;
  for (const Hypothesis& hypothesis : hypotheses_) {
    const bool has = std::any_of(hypothesis.terms.begin(),
                                 hypothesis.terms.begin() + static_cast<std::ptrdiff_t>(hypothesis.count),
                                 [&](const Edge& term) { return term.family == family; });
    total += hypothesis.weight * (has ? 1.0 : free_belief(all));
  }
  return total;
}

bool FailureModel::within(const Cause& cause, std::size_t trial) const {
  const double* const row = rows_.data() + trial * features_.size();
  for (std::size_t v = 0; v < cause.values; ++v) {
    if (row[cause.feature[v]] != static_cast<double>(cause.choice[v])) return false;
  }
  if (!cause.stretch) return true;
  const double position = row[cause.numeric];
  return cause.above ? position > cause.threshold : position < cause.threshold;
}

void FailureModel::count(Cause& cause) const {
  for (std::size_t i = 0; i < ran_.size(); ++i) {
    if (!within(cause, i)) continue;
    ++cause.tried;
    cause.failed += ran_[i] ? 0 : 1;
  }
}

std::size_t FailureModel::variety(const Cause& cause, std::size_t feature) const {
  std::vector<std::uint8_t> seen(features_[feature].choices, 0);
  for (std::size_t i = 0; i < ran_.size(); ++i) {
    const double value = rows_[i * features_.size() + feature];
    if (!ran_[i] && within(cause, i) && !std::isnan(value)) seen[static_cast<std::size_t>(value)] = 1;
  }
  return static_cast<std::size_t>(std::count(seen.begin(), seen.end(), 1));
}

std::vector<FailureModel::Cause> FailureModel::causes(double at_least) const {
  std::vector<Cause> found;
  const auto consider = [&](Cause cause, std::size_t family) {
    const Family& f = families_[family];
    const double* const sums = cumulative_.data() + f.offset + family;
    cause.probability = belief(family);
    if (cause.probability < at_least) return;
    if (cause.stretch) {
      std::size_t middle = 0;
      while (middle + 1 < f.states && sums[middle + 1] < 0.5 * sums[f.states]) ++middle;
      cause.threshold = (static_cast<double>(middle) + 0.5) / static_cast<double>(f.states);
    }
    count(cause);
    found.push_back(cause);
  };
  const std::size_t c = categorical_.size();
  const auto stretches = [&](const Cause& context, std::size_t number) {
    for (std::size_t k = 0; k < numeric_.size(); ++k) {
      for (const bool above : {true, false}) {
        Cause cause = context;
        cause.stretch = true;
        cause.numeric = numeric_[k];
        cause.above = above;
        consider(cause, contexts_ + 2 * (number * numeric_.size() + k) + (above ? 0 : 1));
      }
    }
  };
  stretches({}, 0);
  for (std::size_t a = 0; a < c; ++a) {
    for (std::size_t choice = 0; choice < features_[categorical_[a]].choices; ++choice) {
      Cause value;
      value.values = 1;
      value.feature[0] = categorical_[a];
      value.choice[0] = choice;
      consider(value, 1 + first_value_[a] + choice);
      if (crossed_) stretches(value, 1 + first_value_[a] + choice);
      if (!pairs_) continue;
      for (std::size_t b = a + 1; b < c; ++b) {
        for (std::size_t other = 0; other < features_[categorical_[b]].choices; ++other) {
          Cause pair = value;
          pair.values = 2;
          pair.feature[1] = categorical_[b];
          pair.choice[1] = other;
          const std::size_t number = choice * features_[categorical_[b]].choices + other;
          consider(pair, pair_start_[a * c + b] + number);
          if (!triples_) continue;
          for (std::size_t e = b + 1; e < c; ++e) {
            for (std::size_t third = 0; third < features_[categorical_[e]].choices; ++third) {
              Cause triple = pair;
              triple.values = 3;
              triple.feature[2] = categorical_[e];
              triple.choice[2] = third;
              consider(triple, triple_start_[(a * c + b) * c + e] +
                                   number * features_[categorical_[e]].choices + third);
            }
          }
        }
      }
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Cause& a, const Cause& b) { return a.probability > b.probability; });
  return found;
}

}  // namespace lehr::guided
