#include "lehr/search/guided/validity.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lehr::guided {
namespace {

constexpr std::size_t finest = 16;  // thresholds tried on a continuous variable
constexpr std::size_t most_pairs =
    400;  // pairs of variables; a configuration contains one value pair of each
constexpr std::size_t most_crossed = 400;   // categorical times numeric variables
constexpr std::size_t most_failures = 256;  // the latest ones; more say little that is new
constexpr std::size_t sweeps = 12;

}  // namespace

Validity::Validity(std::vector<Feature> features, const ValidityOptions& options)
    : features_(std::move(features)), options_(options), accident_(options.accident) {
  for (std::size_t j = 0; j < features_.size(); ++j) {
    if (features_[j].categorical()) {
      categorical_.push_back(j);
      first_value_.push_back(values_);
      values_ += features_[j].choices;
    } else if (options_.thresholds) {
      numeric_.push_back(j);
      const std::size_t steps = features_[j].values;
      bins_.push_back(steps == 0 || steps > finest + 1 ? finest : steps - 1);
    }
  }
  const std::size_t c = categorical_.size();
  pairs_ = options_.pairs && c * (c - (c > 0)) / 2 <= most_pairs;
  crossed_ = options_.value_threshold_prior > 0.0 && c * numeric_.size() <= most_crossed;
  value_contexts_ = values_;
  contexts_ = 1 + values_;
  if (pairs_) {
    pair_start_.assign(c * c, 0);
    for (std::size_t a = 0; a < c; ++a) {
      for (std::size_t b = a + 1; b < c; ++b) {
        pair_start_[a * c + b] = contexts_;
        contexts_ += features_[categorical_[a]].choices * features_[categorical_[b]].choices;
      }
    }
  }
  // Families: every context as such (but the empty one, which is the accident), then stretches.
  std::size_t offset = 0;
  const auto add = [&](std::size_t states, double prior) {
    families_.push_back({offset, states});
    offset += states;
    const double each = prior / static_cast<double>(std::max<std::size_t>(states, 1));
    for (std::size_t s = 0; s < states; ++s) prior_.push_back(std::log(each / (1.0 - prior)));
  };
  add(0, 0.0);
  for (std::size_t v = 0; v < values_; ++v) add(1, options_.value_prior);
  for (std::size_t k = 1 + values_; k < contexts_; ++k) add(1, options_.pair_prior);
  const std::size_t stretched = crossed_ ? 1 + values_ : 1;
  for (std::size_t context = 0; context < stretched; ++context) {
    for (std::size_t k = 0; k < numeric_.size(); ++k) {
      const double prior = context == 0 ? options_.threshold_prior : options_.value_threshold_prior;
      add(bins_[k], prior);  // above
      add(bins_[k], prior);  // below
    }
  }
  clear();
}

void Validity::clear() {
  rows_.clear();
  weights_.clear();
  ran_.clear();
  settled_ = 0;
  ran_evidence_.assign(prior_.size(), 0.0);
  log_state_.assign(prior_.size(), 0.0);
  cumulative_.assign(prior_.size() + families_.size(), 0.0);
  accident_ = options_.accident;
  for (std::size_t family = 0; family < families_.size(); ++family) renew(family);
}

// How many thresholds lie below a position: threshold t of T lies at (t + 1/2) / T.
std::size_t Validity::bin(std::size_t numeric, double position) const {
  const auto count = static_cast<double>(bins_[numeric]);
  return static_cast<std::size_t>(std::clamp(std::floor(position * count + 0.5), 0.0, count));
}

// Every family that a row belongs to, with the states that cover it.
template <class Visit>
void Validity::visit_families(std::span<const double> row, Visit visit) const {
  const std::size_t c = categorical_.size();
  for (std::size_t a = 0; a < c; ++a) {
    const double value = row[categorical_[a]];
    if (std::isnan(value)) continue;
    const auto choice = static_cast<std::size_t>(value);
    visit(1 + first_value_[a] + choice, 0, 1);
    if (!pairs_) continue;
    for (std::size_t b = a + 1; b < c; ++b) {
      const double other = row[categorical_[b]];
      if (std::isnan(other)) continue;
      visit(pair_start_[a * c + b] + choice * features_[categorical_[b]].choices +
                static_cast<std::size_t>(other),
            0, 1);
    }
  }
  for (std::size_t k = 0; k < numeric_.size(); ++k) {
    const double position = row[numeric_[k]];
    if (std::isnan(position)) continue;
    const std::size_t below = bin(k, position);
    const auto stretch = [&](std::size_t context) {
      const std::size_t family = contexts_ + 2 * (context * numeric_.size() + k);
      if (below > 0) visit(family, 0, below);
      if (below < bins_[k]) visit(family + 1, below, bins_[k]);
    };
    stretch(0);
    if (!crossed_) continue;
    for (std::size_t a = 0; a < c; ++a) {
      const double value = row[categorical_[a]];
      if (!std::isnan(value)) stretch(1 + first_value_[a] + static_cast<std::size_t>(value));
    }
  }
}

void Validity::edges_of(std::span<const double> row, std::vector<Edge>& edges) const {
  visit_families(row, [&](std::size_t family, std::size_t first, std::size_t last) {
    edges.push_back({static_cast<std::uint32_t>(family), static_cast<std::uint32_t>(first),
                     static_cast<std::uint32_t>(last)});
  });
}

void Validity::observe(std::span<const double> row, bool ran, double weight) {
  rows_.insert(rows_.end(), row.begin(), row.end());
  weights_.push_back(weight);
  ran_.push_back(ran ? 1 : 0);
  if (!ran) return;
  // P(ran | cause) / P(ran | no cause)
  const double factor = weight * std::log(1.0 - options_.strength);
  visit_families(row, [&](std::size_t family, std::size_t first, std::size_t last) {
    double* const evidence = ran_evidence_.data() + families_[family].offset;
    for (std::size_t s = first; s < last; ++s) evidence[s] += factor;
  });
}

// The belief in each state of a family from the evidence on it.
void Validity::renew(std::size_t family) {
  const Family& f = families_[family];
  double* const sums = cumulative_.data() + f.offset + family;
  sums[0] = 0.0;
  double highest = 0.0;
  for (std::size_t s = 0; s < f.states; ++s)
    highest = std::max(highest, prior_[f.offset + s] + log_state_[f.offset + s]);
  double total = std::exp(-highest);
  for (std::size_t s = 0; s < f.states; ++s) {
    const double mass = std::exp(prior_[f.offset + s] + log_state_[f.offset + s] - highest);
    total += mass;
    sums[s + 1] = sums[s] + mass;
  }
  for (std::size_t s = 1; s <= f.states; ++s) sums[s] /= total;
}

double Validity::covered(std::size_t family, std::uint32_t first, std::uint32_t last) const {
  const double* const sums = cumulative_.data() + families_[family].offset + family;
  return sums[last] - sums[first];
}

void Validity::settle() {
  if (settled_ == observations() && settled_ > 0) return;
  settled_ = observations();
  const std::size_t d = features_.size();
  std::vector<std::size_t> failures;
  for (std::size_t i = 0; i < ran_.size(); ++i) {
    if (!ran_[i]) failures.push_back(i);
  }
  if (failures.size() > most_failures)
    failures.erase(failures.begin(), failures.end() - static_cast<std::ptrdiff_t>(most_failures));

  std::vector<Edge> edges;
  std::vector<std::size_t> starts{0};
  for (const std::size_t i : failures) {
    edges_of({rows_.data() + i * d, d}, edges);
    starts.push_back(edges.size());
  }
  std::vector<double> messages(edges.size(), 0.0);  // log P(failed | covered) / P(failed | not)
  std::vector<std::size_t> touched;
  {
    std::vector<std::uint8_t> seen(families_.size(), 0);
    for (const Edge& edge : edges) {
      if (!seen[edge.family]) touched.push_back(edge.family);
      seen[edge.family] = 1;
    }
  }
  log_state_ = ran_evidence_;
  for (std::size_t family = 0; family < families_.size(); ++family) renew(family);
  accident_ = options_.accident;
  const double q = options_.strength;
  std::vector<double> off;  // per edge of a failure: probability that this cause does not fail it
  for (std::size_t sweep = 0; sweep < sweeps; ++sweep) {
    double accidents = 0.0, weight_sum = 0.0;
    const double damping = sweep < 2 ? 0.5 : 0.7;
    for (std::size_t f = 0; f < failures.size(); ++f) {
      off.clear();
      double log_off = 0.0;
      for (std::size_t e = starts[f]; e < starts[f + 1]; ++e) {
        const double belief = covered(edges[e].family, edges[e].first, edges[e].last);
        // Without this failure's own message.
        const double inside = belief * std::exp(-messages[e]);
        const double cavity = inside / (inside + std::max(1.0 - belief, 1e-12));
        off.push_back(1.0 - q * cavity);
        log_off += std::log(off.back());
      }
      const double none = (1.0 - accident_) * std::exp(log_off);  // P(ran) by the others' word
      const double weight = weights_[failures[f]];
      accidents += weight * accident_ / std::max(1.0 - none, accident_);
      weight_sum += weight;
      for (std::size_t e = starts[f]; e < starts[f + 1]; ++e) {
        const double others = none / off[e - starts[f]];
        const double ratio = (1.0 - (1.0 - q) * others) / std::max(1.0 - others, 1e-9);
        messages[e] += damping * (weight * std::log(ratio) - messages[e]);
      }
    }
    for (const std::size_t family : touched) {
      const Family& group = families_[family];
      std::copy_n(ran_evidence_.begin() + static_cast<std::ptrdiff_t>(group.offset), group.states,
                  log_state_.begin() + static_cast<std::ptrdiff_t>(group.offset));
    }
    for (std::size_t e = 0; e < edges.size(); ++e) {
      double* const evidence = log_state_.data() + families_[edges[e].family].offset;
      for (std::uint32_t s = edges[e].first; s < edges[e].last; ++s) evidence[s] += messages[e];
    }
    for (const std::size_t family : touched) renew(family);
    // The rate of accidents, with a prior worth ten trials.
    double trials = 0.0;
    for (std::size_t i = 0; i < weights_.size(); ++i) trials += ran_[i] ? weights_[i] : 0.0;
    trials += weight_sum;
    constexpr double prior_trials = 10.0;
    accident_ = (prior_trials * options_.accident + accidents) / (prior_trials + trials);
  }
}

double Validity::probability(std::span<const double> row) const {
  double runs = 1.0 - accident_;
  visit_families(row, [&](std::size_t family, std::size_t first, std::size_t last) {
    runs *= 1.0 - options_.strength *
                      covered(family, static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last));
  });
  return runs;
}

double Validity::guilt(std::size_t feature, std::size_t choice) const {
  const auto at = std::find(categorical_.begin(), categorical_.end(), feature);
  const auto position = static_cast<std::size_t>(at - categorical_.begin());
  return covered(1 + first_value_[position] + choice, 0, 1);
}

void Validity::count(Cause& cause) const {
  const std::size_t d = features_.size();
  for (std::size_t i = 0; i < ran_.size(); ++i) {
    const double* const row = rows_.data() + i * d;
    bool within = true;
    for (std::size_t v = 0; v < cause.values; ++v)
      within = within && row[cause.feature[v]] == static_cast<double>(cause.choice[v]);
    if (cause.stretch) {
      const double position = row[cause.numeric];
      within = within && (cause.above ? position > cause.threshold : position < cause.threshold);
    }
    if (!within) continue;
    ++cause.tried;
    cause.failed += ran_[i] ? 0 : 1;
  }
}

std::vector<Validity::Cause> Validity::causes(double at_least) const {
  std::vector<Cause> found;
  const auto consider = [&](Cause cause, std::size_t family) {
    const Family& f = families_[family];
    const double* const sums = cumulative_.data() + f.offset + family;
    cause.probability = sums[f.states];
    if (cause.probability < at_least) return;
    if (cause.stretch) {
      std::size_t middle = 0;
      while (middle + 1 < f.states && sums[middle + 1] < 0.5 * cause.probability) ++middle;
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
          consider(pair, pair_start_[a * c + b] + choice * features_[categorical_[b]].choices + other);
        }
      }
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Cause& a, const Cause& b) { return a.probability > b.probability; });
  return found;
}

}  // namespace lehr::guided
